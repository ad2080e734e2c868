//! The mock as a process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// Is killed at the end of a test, whatever its outcome.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_process_says_its_address_and_answers() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-provider"));
    command.args(["--chunks", "7", "--fault", "end@5"]).stdout(Stdio::piped());
    let mut process = Process(command.spawn().unwrap());
    let mut address = String::new();
    let output = process.0.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut address).unwrap();
    let mut stream = TcpStream::connect(address.trim()).unwrap();
    let request = "POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n\
        content-length: 15\r\n\r\n{\"stream\":true}";
    stream.write_all(request.as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.contains("w4 ") && !said.contains("w5 "), "{said}");
}
