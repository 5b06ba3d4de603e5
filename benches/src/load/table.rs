//! Plain-text tables, for a terminal and for Markdown.

use std::fmt::Write as _;

/// Where a column's values stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// Rows under a heading.
#[derive(Debug, Clone)]
pub struct Table {
    heading: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns: the first of words, the others of figures.
    #[must_use]
    pub fn new(heading: &[&str]) -> Self {
        let align = |index| if index == 0 { Align::Left } else { Align::Right };
        let heading = heading.iter().enumerate().map(|(index, name)| ((*name).to_owned(), align(index)));
        Self { heading: heading.collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether it has no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// For a terminal: columns in line, a rule under the heading.
    #[must_use]
    pub fn plain(&self) -> String {
        let widths = self.widths();
        let mut out = String::new();
        let mut line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut text = String::new();
            for ((cell, (_, align)), width) in cells.zip(&self.heading).zip(&widths) {
                let space = " ".repeat(width.saturating_sub(cell.chars().count()));
                let _ = match align {
                    Align::Left => write!(text, "  {cell}{space}"),
                    Align::Right => write!(text, "  {space}{cell}"),
                };
            }
            out.push_str(text.trim_end());
            out.push('\n');
        };
        line(&mut self.heading.iter().map(|(name, _)| name.as_str()));
        let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        line(&mut rule.iter().map(String::as_str));
        for row in &self.rows {
            line(&mut row.iter().map(String::as_str));
        }
        out
    }

    /// For a Markdown page.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        let names: Vec<&str> = self.heading.iter().map(|(name, _)| name.as_str()).collect();
        let rule: Vec<&str> =
            self.heading.iter().map(|(_, align)| if *align == Align::Left { "---" } else { "--:" }).collect();
        let _ = writeln!(out, "| {} |\n|{}|", names.join(" | "), rule.join("|"));
        for row in &self.rows {
            let _ = writeln!(out, "| {} |", row.join(" | "));
        }
        out
    }

    fn widths(&self) -> Vec<usize> {
        let width = |index: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
            cells.chain([self.heading[index].0.chars().count()]).max().unwrap_or(0)
        };
        (0..self.heading.len()).map(width).collect()
    }
}
