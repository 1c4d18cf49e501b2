//! A table of results, printed in the format that `-o` names.

use std::io;
use std::io::Write;

use clap::ValueEnum;
use serde_json::Map;
use serde_json::Value as Json;

/// The formats of commands that print tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFormat {
    /// Aligned columns for people.
    #[default]
    Table,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// A YAML list.
    Yaml,
    /// Comma-separated values with a header line (RFC 4180).
    Csv,
}

/// Rows under named columns. Cells are JSON values, so that numbers stay numbers.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    columns: &'static [&'static str],
    rows: Vec<Vec<Json>>,
}

impl Listing {
    /// An empty listing with these columns: lower case, words joined by `_`, as they stand in JSON.
    #[must_use]
    pub(super) const fn new(columns: &'static [&'static str]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row with one cell for each column, in their order.
    pub(super) fn push(&mut self, row: Vec<Json>) {
        debug_assert_eq!(row.len(), self.columns.len(), "a cell for each column");
        self.rows.push(row);
    }

    /// Writes the listing to `out`.
    ///
    /// # Errors
    ///
    /// What `out` answers.
    pub(super) fn write(&self, format: ListFormat, out: &mut dyn Write) -> io::Result<()> {
        match format {
            ListFormat::Table => self.write_table(out),
            ListFormat::Json => {
                serde_json::to_writer_pretty(&mut *out, &self.objects().collect::<Vec<_>>())?;
                writeln!(out)
            }
            ListFormat::Jsonl => self.objects().try_for_each(|object| {
                serde_json::to_writer(&mut *out, &object)?;
                writeln!(out)
            }),
            ListFormat::Yaml => {
                let objects: Vec<_> = self.objects().collect();
                out.write_all(
                    serde_saphyr::to_string(&objects)
                        .map_err(io::Error::other)?
                        .as_bytes(),
                )
            }
            ListFormat::Csv => self.write_csv(out),
        }
    }

    fn objects(&self) -> impl Iterator<Item = Map<String, Json>> {
        self.rows.iter().map(|row| {
            self.columns
                .iter()
                .zip(row)
                .map(|(column, cell)| ((*column).to_owned(), cell.clone()))
                .collect()
        })
    }

    fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        let cells: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(cell_text).collect())
            .collect();
        let heads: Vec<String> = self
            .columns
            .iter()
            .map(|column| column.to_uppercase().replace('_', " "))
            .collect();
        let widths: Vec<usize> = (0..heads.len())
            .map(|at| {
                cells
                    .iter()
                    .chain([&heads])
                    .filter_map(|row| row.get(at))
                    .map(|cell| cell.chars().count())
                    .max()
            })
            .map(Option::unwrap_or_default)
            .collect();
        let numeric: Vec<bool> = (0..heads.len())
            .map(|at| {
                !self.rows.is_empty()
                    && self
                        .rows
                        .iter()
                        .all(|row| row.get(at).is_none_or(Json::is_number))
            })
            .collect();
        for row in [&heads].into_iter().chain(&cells) {
            let mut line = String::new();
            for ((cell, width), numeric) in row.iter().zip(&widths).zip(&numeric) {
                let pad = " ".repeat(width - cell.chars().count());
                line += &if *numeric {
                    format!("{pad}{cell}  ")
                } else {
                    format!("{cell}{pad}  ")
                };
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.columns.join(","))?;
        for row in &self.rows {
            let cells: Vec<String> = row
                .iter()
                .map(|cell| csv_quoted(&cell_text(cell)))
                .collect();
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    }
}

/// Text as it is, null as `-`, lists joined by commas, the rest as JSON.
fn cell_text(cell: &Json) -> String {
    match cell {
        Json::Null => "-".to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(cell_text).collect::<Vec<_>>().join(","),
        Json::Bool(_) | Json::Number(_) | Json::Object(_) => cell.to_string(),
    }
}

fn csv_quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn printed(format: ListFormat) -> String {
        let mut listing = Listing::new(&["topic", "log_end", "replicas"]);
        listing.push(vec![json!("orders"), json!(12), json!([1, 2])]);
        listing.push(vec![json!("a, \"b\""), json!(3), Json::Null]);
        let mut out = Vec::new();
        listing.write(format, &mut out).expect("a vector takes all");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_table_aligns_text_left_and_numbers_right() {
        assert_eq!(
            printed(ListFormat::Table),
            "TOPIC   LOG END  REPLICAS\norders       12  1,2\na, \"b\"        3  -\n"
        );
    }

    #[test]
    fn json_keeps_types_and_csv_quotes_what_needs_it() {
        assert_eq!(
            printed(ListFormat::Jsonl),
            "{\"topic\":\"orders\",\"log_end\":12,\"replicas\":[1,2]}\n{\"topic\":\"a, \\\"b\\\"\",\"log_end\":3,\"replicas\":null}\n"
        );
        assert_eq!(
            printed(ListFormat::Csv),
            "topic,log_end,replicas\norders,12,\"1,2\"\n\"a, \"\"b\"\"\",3,-\n"
        );
        let array: Json = serde_json::from_str(&printed(ListFormat::Json)).expect("valid JSON");
        assert_eq!(array[1]["log_end"], 3);
    }

    #[test]
    fn yaml_reads_back_as_the_same_objects() {
        let objects: Vec<Json> =
            serde_saphyr::from_str(&printed(ListFormat::Yaml)).expect("valid YAML");
        assert_eq!(
            objects[0],
            json!({"topic": "orders", "log_end": 12, "replicas": [1, 2]})
        );
    }
}
