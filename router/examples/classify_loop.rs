use rolecall_router::{
    catalogue::Catalogue,
    sql::{ClientCharset, Lexing, classify},
};
fn main() {
    let l = Lexing { charset: ClientCharset::Utf8, ..Lexing::default() };
    let c = Catalogue::unknown();
    let sql = std::env::args().nth(1).unwrap();
    let mut n = 0u32;
    for _ in 0..10000 {
        n += classify(std::hint::black_box(sql.as_bytes()), &l, &c).effects.bits() as u32;
    }
    println!("{n}");
}
