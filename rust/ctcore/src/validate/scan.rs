//! One pass over a stream of batches for all rules and all columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::BooleanBuffer;
use arrow_cast::display::array_value_to_string;
use arrow_schema::{ArrowError, Schema, SchemaRef};

use crate::column::Rechunk;
use crate::num::CHUNK;
use crate::validate::facts::{Asked, ColumnFacts};
use crate::validate::keys::{EXAMPLES, KeyCounts, KeyFacts, KeySet, RowKeys, Spill};
use crate::validate::order::{Direction, Order};
use crate::validate::rule::{Predicate, RowRule, Test};
use crate::{Error, Result, par};

/// A rule, as it is asked.
#[derive(Debug, Clone)]
pub enum Rule {
    /// About each row by itself.
    Row(RowRule),
    /// How often the keys over some columns occur.
    Keys(Vec<String>),
    /// Whether a column is in order.
    Order(String, Direction),
}

impl Rule {
    /// Whether the rule can be judged on this schema.
    fn fits(&self, schema: &Schema) -> Result<()> {
        match self {
            Self::Row(rule) => rule.fits(schema),
            Self::Keys(columns) => RowRule {
                when: Vec::new(),
                predicate: Predicate {
                    columns: columns.clone(),
                    test: Test::Known(Arc::default()),
                },
            }
            .fits(schema),
            Self::Order(column, _) => RowRule {
                when: Vec::new(),
                predicate: Predicate {
                    columns: vec![column.clone()],
                    test: Test::MultipleOf(1.0),
                },
            }
            .fits(schema),
        }
    }
}

/// What became of a rule about rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Broken {
    /// Rows that the rule was asked of: all, or those in which its conditions hold.
    pub asked: u64,
    /// Rows that break it.
    pub count: u64,
    /// The first of them, with their values.
    pub examples: Vec<(u64, String)>,
}

/// What became of a rule.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Of one about rows.
    Row(Broken),
    /// Of one about keys.
    Keys(KeyFacts),
    /// Of one about order.
    Order(Order),
    /// It could not be judged, for this reason.
    NotRun(Error),
}

/// What a scan found.
#[derive(Debug)]
pub struct Scanned {
    /// The columns and their types.
    pub schema: SchemaRef,
    /// All rows.
    pub rows: u64,
    /// The facts of the columns that were asked for, by name.
    pub facts: HashMap<String, ColumnFacts>,
    /// The outcome of each rule, in the order of the rules.
    pub outcomes: Vec<Outcome>,
}

/// Columns whose facts are asked for, and rules.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Columns by name.
    pub columns: HashMap<String, Asked>,
    /// Rules.
    pub rules: Vec<Rule>,
}

/// The work of one chunk: a column with what is asked of it alone, or a rule over several columns.
enum Task {
    Column {
        index: usize,
        asked: Option<Asked>,
        rules: Vec<usize>,
    },
    Rule(usize),
}

enum Part {
    Facts(usize, ColumnFacts),
    Row(usize, Broken),
    Keys(usize, RowKeys, u64),
    Order(usize, Order),
}

/// Chunks that are scanned together: enough work for every thread, little memory.
const CHUNKS: usize = 8;

/// Scans a stream of batches. `spill` gives each rule about keys its room on disk.
///
/// The result depends neither on the number of threads nor on how the rows arrive.
///
/// # Errors
/// [`Error::Arrow`] where the stream breaks, and what a spill answers. A rule that does not fit the
/// schema is no error: its outcome says so.
pub fn scan(
    batches: impl Iterator<Item = std::result::Result<RecordBatch, ArrowError>>,
    schema: &SchemaRef,
    plan: &Plan,
    spill: impl Fn(usize) -> Option<Box<dyn Spill>>,
) -> Result<Scanned> {
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(plan.rules.len());
    let mut counts: HashMap<usize, KeyCounts> = HashMap::new();
    for (index, rule) in plan.rules.iter().enumerate() {
        outcomes.push(match (rule.fits(schema), rule) {
            (Err(reason), _) => Outcome::NotRun(reason),
            (_, Rule::Row(_)) => Outcome::Row(Broken::default()),
            (_, Rule::Order(..)) => Outcome::Order(Order::default()),
            (_, Rule::Keys(_)) => {
                counts.insert(index, KeyCounts::new(spill(index)));
                Outcome::Keys(KeyFacts::default())
            }
        });
    }
    let tasks = tasks(schema, plan, &outcomes);
    let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    let mut facts: HashMap<usize, ColumnFacts> = HashMap::new();
    let mut chunks = Rechunk::new(batches, schema.clone());
    // A wide table has work enough in one chunk, and little room for more.
    let together = (CHUNKS * CHUNKS / names.len().max(1)).clamp(1, CHUNKS);
    let mut rows = 0;
    loop {
        par::checkpoint();
        let held: Vec<RecordBatch> = chunks.by_ref().take(together).collect::<Result<_>>()?;
        if held.is_empty() {
            break;
        }
        // All chunks but the last of the stream are whole.
        let parts = par::map(held.len() * tasks.len(), |i| {
            let (chunk, task) = (i / tasks.len(), i % tasks.len());
            tasks[task].run(plan, &held[chunk], rows + (chunk * CHUNK) as u64)
        });
        for part in parts {
            for part in part? {
                match part {
                    Part::Facts(column, part) => facts.entry(column).or_default().merge(&part),
                    Part::Keys(rule, keys, start) => {
                        if let Some(counts) = counts.get_mut(&rule) {
                            counts.add(&keys, start)?;
                        }
                    }
                    Part::Row(rule, part) => {
                        if let Outcome::Row(whole) = &mut outcomes[rule] {
                            whole.merge(part);
                        }
                    }
                    Part::Order(rule, part) => {
                        if let (Outcome::Order(whole), Rule::Order(_, direction)) =
                            (&mut outcomes[rule], &plan.rules[rule])
                        {
                            whole.merge(part, *direction);
                        }
                    }
                }
            }
        }
        rows += held.iter().map(|chunk| chunk.num_rows() as u64).sum::<u64>();
    }
    for (rule, counts) in counts {
        outcomes[rule] = Outcome::Keys(counts.finish()?);
    }
    let empty = tasks.iter().filter_map(|task| match task {
        Task::Column {
            index,
            asked: Some(_),
            ..
        } => Some(*index),
        _ => None,
    });
    let facts = empty
        .map(|index| (names[index].clone(), facts.remove(&index).unwrap_or_default()))
        .collect();
    Ok(Scanned {
        schema: schema.clone(),
        rows,
        facts,
        outcomes,
    })
}

fn tasks(schema: &Schema, plan: &Plan, outcomes: &[Outcome]) -> Vec<Task> {
    let mut alone: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut tasks = Vec::new();
    for (index, (rule, outcome)) in plan.rules.iter().zip(outcomes).enumerate() {
        if matches!(outcome, Outcome::NotRun(_)) {
            continue;
        }
        match rule {
            Rule::Row(row) if row.column().is_some() => {
                alone
                    .entry(row.column().unwrap_or_default())
                    .or_default()
                    .push(index);
            }
            _ => tasks.push(Task::Rule(index)),
        }
    }
    for (index, field) in schema.fields().iter().enumerate() {
        let name = field.name().as_str();
        let (asked, rules) = (
            plan.columns.get(name).copied(),
            alone.remove(name).unwrap_or_default(),
        );
        if asked.is_some() || !rules.is_empty() {
            tasks.push(Task::Column { index, asked, rules });
        }
    }
    tasks
}

impl Task {
    fn run(&self, plan: &Plan, chunk: &RecordBatch, start: u64) -> Result<Vec<Part>> {
        match self {
            Self::Column { index, asked, rules } => {
                let schema = chunk.schema_ref();
                let (name, column) = (schema.field(*index).name(), chunk.column(*index));
                let mut parts = Vec::with_capacity(rules.len() + 1);
                for &rule in rules {
                    if let Rule::Row(row) = &plan.rules[rule] {
                        let broken = row.predicate.test.broken(name, column)?;
                        let broken =
                            Broken::of(&broken, chunk.num_rows() as u64, start, |row| shown(column, row));
                        parts.push(Part::Row(rule, broken));
                    }
                }
                if let Some(asked) = asked {
                    parts.push(Part::Facts(*index, ColumnFacts::of_chunk(name, column, *asked)?));
                }
                Ok(parts)
            }
            Self::Rule(index) => Ok(vec![match &plan.rules[*index] {
                Rule::Row(rule) => {
                    let (broken, asked) = rule.broken(chunk)?;
                    let names = rule
                        .when
                        .iter()
                        .chain([&rule.predicate])
                        .flat_map(|each| &each.columns);
                    let columns: Vec<_> = names.filter_map(|name| chunk.column_by_name(name)).collect();
                    let broken = Broken::of(&broken, asked, start, |row| {
                        let values: Vec<String> = columns.iter().map(|column| shown(column, row)).collect();
                        values.join(", ")
                    });
                    Part::Row(*index, broken)
                }
                Rule::Keys(names) => {
                    let columns: Vec<_> = names
                        .iter()
                        .filter_map(|name| chunk.column_by_name(name).cloned())
                        .collect();
                    Part::Keys(*index, RowKeys::of(names, &columns)?, start)
                }
                Rule::Order(name, direction) => {
                    let column = chunk.column_by_name(name).ok_or_else(|| Error::Type {
                        name: name.clone(),
                        message: "the column is missing".to_owned(),
                    })?;
                    Part::Order(*index, Order::of_chunk(name, column, *direction, start)?)
                }
            }]),
        }
    }
}

/// The characters of a value that an example shows.
const SHOWN: usize = 60;

fn shown(column: &dyn arrow_array::Array, row: usize) -> String {
    if column.is_null(row) {
        return "null".to_owned();
    }
    let value = array_value_to_string(column, row).unwrap_or_else(|_| "?".to_owned());
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value,
    }
}

impl Broken {
    fn of(broken: &BooleanBuffer, asked: u64, start: u64, value: impl Fn(usize) -> String) -> Self {
        let count = broken.count_set_bits() as u64;
        let examples = broken
            .set_indices()
            .take(EXAMPLES)
            .map(|row| (start + row as u64, value(row)))
            .collect();
        Self {
            asked,
            count,
            examples,
        }
    }

    fn merge(&mut self, later: Self) {
        self.asked += later.asked;
        self.count += later.count;
        let room = EXAMPLES - self.examples.len();
        self.examples.extend(later.examples.into_iter().take(room));
    }
}

/// The rows of a batch that break each rule: of rules about rows those that break it, of rules about
/// keys those whose key is among the `repeated` ones. A rule about order names no row.
///
/// # Errors
/// [`Error::Type`] where a rule does not fit the batch.
pub fn broken_rows(
    batch: &RecordBatch,
    rules: &[Rule],
    repeated: &[Option<Arc<KeySet>>],
) -> Result<Vec<BooleanBuffer>> {
    par::map(rules.len(), |index| match &rules[index] {
        Rule::Row(rule) => Ok(rule.broken(batch)?.0),
        Rule::Order(..) => Ok(BooleanBuffer::new_unset(batch.num_rows())),
        Rule::Keys(columns) => {
            let Some(Some(set)) = repeated.get(index) else {
                return Ok(BooleanBuffer::new_unset(batch.num_rows()));
            };
            let known = RowRule {
                when: Vec::new(),
                predicate: Predicate {
                    columns: columns.clone(),
                    test: Test::Known(Arc::clone(set)),
                },
            };
            let mut found = !&known.broken(batch)?.0;
            for name in columns {
                if let Some(nulls) = batch
                    .column_by_name(name)
                    .and_then(|column| column.logical_nulls())
                {
                    found = &found & nulls.inner();
                }
            }
            Ok(found)
        }
    })
    .into_iter()
    .collect()
}
