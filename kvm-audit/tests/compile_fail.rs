//! What the type of a grant must not let anybody write, with what the compiler says to it.
//!
//! The doc tests of `Grant` hold the same with the compiler's error codes alone. When a new compiler says
//! it in other words, read them and take them over with `TRYBUILD=overwrite`.

#[test]
fn grants_cannot_be_forged_cloned_mixed_or_spent_twice() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
