//! Makes every change of the protocol visible.

use std::fmt::Write as _;
use std::path::Path;

const FILES: [&str; 2] = ["agentos/v1/link.proto", "agentos/v1/run.proto"];

/// What a difference means, shown above it.
const MEANING: &str = "The protocol between hub and edge has changed. \
    Hub and edge are updated one after the other, so an older peer must still understand it: \
    a new field with a new number, a new message or a new method is safe. \
    A field that was removed, renumbered or given another type, and a method that was renamed \
    or changed, break older peers: reserve the old number and add a new field instead. \
    If the change is safe, accept it by `INSTA_UPDATE=always cargo test -p agentos-proto` \
    and commit the snapshot.";

/// Everything that is seen on the wire, as text: messages with their fields'
/// numbers and types, services with their methods.
#[test]
fn the_protocol_is_the_one_in_the_snapshot() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let descriptors = protox::compile(FILES, [root]).unwrap();
    let mut text = String::new();
    for file in &descriptors.file {
        writeln!(text, "file {} (package {})", file.name(), file.package()).unwrap();
        for message in &file.message_type {
            text.push_str(&describe_message(message, ""));
        }
        for enumeration in &file.enum_type {
            writeln!(text, "enum {}", enumeration.name()).unwrap();
            for value in &enumeration.value {
                writeln!(text, "  {} = {}", value.name(), value.number()).unwrap();
            }
        }
        for service in &file.service {
            writeln!(text, "service {}", service.name()).unwrap();
            for method in &service.method {
                let stream = |streams: bool| if streams { "stream " } else { "" };
                let (name, input, output) =
                    (method.name(), method.input_type(), method.output_type());
                let client = stream(method.client_streaming());
                let server = stream(method.server_streaming());
                writeln!(text, "  {name}({client}{input}) -> {server}{output}").unwrap();
            }
        }
    }
    insta::with_settings!({ description => MEANING, omit_expression => true }, {
        insta::assert_snapshot!("protocol", text);
    });
}

/// A message, its fields by number, its nested messages below it.
fn describe_message(message: &prost_types::DescriptorProto, outer: &str) -> String {
    let name = format!("{outer}{}", message.name());
    let mut fields: Vec<_> = message.field.iter().collect();
    fields.sort_by_key(|field| field.number());
    let lines = fields.into_iter().map(|field| {
        let label = field.label().as_str_name().trim_start_matches("LABEL_").to_lowercase();
        let kind = field.r#type().as_str_name().trim_start_matches("TYPE_").to_lowercase();
        let named = field.type_name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        let choice = field.oneof_index.and_then(|index| {
            let index = usize::try_from(index).ok()?;
            Some(format!(" in {}", message.oneof_decl.get(index)?.name()))
        });
        let choice = choice.unwrap_or_default();
        format!("  {} = {}: {label} {kind}{named}{choice}\n", field.name(), field.number())
    });
    let mut text = format!("message {name}\n") + &lines.collect::<String>();
    for range in &message.reserved_range {
        text += &format!("  reserved {}..{}\n", range.start(), range.end());
    }
    for nested in &message.nested_type {
        text += &describe_message(nested, &format!("{name}."));
    }
    text
}
