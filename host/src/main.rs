//! The host's binary: see `host::command`.

fn main() -> anyhow::Result<()> {
    host::command::main()
}
