mod support;
#[test]
fn scratch() {
    print!("{}", crate::example(crate::Machine::Hub));
    let e = crate::MapEnvironment::default().with("AGENTOS_PORT","99").with("BETTER_AUTH_SECRET","x");
    let r = crate::Request{path:None,environment:&e,cwd:"/nonexistent".into(),home:None};
    match crate::load::<crate::HubConfig>(&r) { Ok(l)=>println!("{}\n{:?}",crate::show(&l), l.config), Err(e)=>println!("ERR {e}") }
    let e = crate::MapEnvironment::default().with("AGENTOS_PORT","99").with("AGENT_OS_COLLECTORS__OPENAI__TIMEOUT","7");
    let r = crate::Request{path:None,environment:&e,cwd:"/nonexistent".into(),home:None};
    match crate::load::<crate::HubConfig>(&r) { Ok(l)=>println!("{}\n{:?}",crate::show(&l), l.config), Err(e)=>println!("ERR {e}") }
}
