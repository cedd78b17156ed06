//! The README shows the program that is compiled and run.

#[test]
fn the_readme_shows_minimal_word_for_word() {
    let program = include_str!("../src/bin/minimal.rs");
    let start = program.find("use std::").expect("imports");
    let shown = format!("```rust\n{}```", &program[start..]);
    assert!(
        include_str!("../../README.md").contains(&shown),
        "copy examples/src/bin/minimal.rs into README.md"
    );
}
