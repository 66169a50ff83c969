//! One pass over a stream of batches for all rules and all columns.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::BooleanBuffer;
use arrow_schema::{ArrowError, Schema, SchemaRef};

use crate::column::Rechunk;
use crate::num::CHUNK;
use crate::validate::facts::{Asked, ColumnFacts};
use crate::validate::keys::{EXAMPLES, KeyCounts, KeyFacts, KeySet, RowKeys, Spill};
use crate::validate::order::{Direction, Order};
use crate::validate::rule::{RowRule, Test, flat};
use crate::validate::statistics::{Groups, Statistics};
use crate::validate::tally::Table;
use crate::validate::view::View;
use crate::{Error, Result, par};

/// A rule, as it is asked.
#[derive(Debug, Clone)]
pub enum Rule {
    /// About each row by itself.
    Row(RowRule),
    /// How often the keys over some columns occur.
    Keys(Vec<String>),
    /// How often the items of a column's lists occur, whatever row they stand in.
    Items(String),
    /// Whether a column is in order.
    Order(String, Direction),
}

impl Rule {
    /// The columns that the rule looks at.
    fn columns(&self) -> impl Iterator<Item = &str> {
        let (conditions, own) = match self {
            Self::Row(rule) => (rule.when.as_slice(), rule.predicate.columns.as_slice()),
            Self::Keys(columns) => (&[][..], columns.as_slice()),
            Self::Items(column) | Self::Order(column, _) => (&[][..], std::slice::from_ref(column)),
        };
        let conditions = conditions.iter().flat_map(|condition| &condition.columns);
        conditions.chain(own).map(String::as_str)
    }

    /// Whether the rule can be judged on this schema.
    fn fits(&self, schema: &Schema) -> Result<()> {
        match self {
            Self::Row(rule) => rule.fits(schema),
            Self::Keys(columns) => RowRule::of(columns, Test::Known(Arc::default())).fits(schema),
            Self::Items(column) => {
                let columns = std::slice::from_ref(column);
                let items = columns.to_vec();
                let rule = RowRule::of(columns, Test::Known(Arc::default()));
                RowRule { items, ..rule }.fits(schema)
            }
            Self::Order(column, _) => {
                RowRule::of(std::slice::from_ref(column), Test::MultipleOf(1.0)).fits(schema)
            }
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
    /// Of one about keys, or about items: these are in no row that examples could name.
    Keys(KeyFacts),
    /// Of one about order.
    Order(Order),
    /// It could not be judged, for this reason.
    NotRun(Error),
}

/// What a scan found.
pub struct Scanned {
    /// All rows.
    pub rows: u64,
    /// The facts of the columns that were asked for, by name.
    pub facts: HashMap<String, ColumnFacts>,
    /// The outcome of each rule, in the order of the rules.
    pub outcomes: Vec<Outcome>,
    /// Where [`Plan::keep`] asks for it the table of each rule about keys or items, by the rule's place, and the rows
    /// without a key. The outcomes of these rules are then empty.
    pub tables: HashMap<usize, (Table, u64)>,
}

/// What is asked of data.
///
/// A column may lie inside of another one: `parent.child` is a field of a struct, null where the struct is; `list[]`
/// stands for a list's items and `list[].child` for a field of them, `map{}.key` and `map{}.value` for those of a map.
/// Of these a rule can be asked item by item; their facts are those of all items.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The columns of the data.
    pub schema: SchemaRef,
    /// Columns by name whose facts are asked for.
    pub columns: HashMap<String, Asked>,
    /// Rules.
    pub rules: Vec<Rule>,
    /// What is known of the row groups that the data comes in.
    pub statistics: Option<Statistics>,
    /// Whether keys are kept as tables that merge, instead of counted.
    pub keep: bool,
}

impl Plan {
    /// For each row group the columns that must be read, sorted: the others have no rules, or statistics answer them.
    /// One group where there are no statistics.
    ///
    /// # Errors
    /// Those of statistics that do not fit the schema.
    pub fn needed(&self) -> Result<Vec<Vec<String>>> {
        let known = self.known()?;
        Ok((0..self.groups()).map(|group| self.open(&known, group)).collect())
    }

    /// The columns that a group must be read for.
    fn open(&self, known: &Known, group: usize) -> Vec<String> {
        let facts = known.facts.iter().filter(|(_, told)| told[group].is_none());
        let facts = facts.map(|(name, _)| *name);
        let rules = self.rules.iter().zip(&known.rules);
        let rules = rules.filter(|(_, kept)| kept.as_ref().is_ok_and(|kept| !kept.value(group)));
        let names = facts.chain(rules.flat_map(|(rule, _)| rule.columns()));
        let roots: BTreeSet<&str> = names.filter_map(|name| View::root(&self.schema, name)).collect();
        roots.into_iter().map(str::to_owned).collect()
    }

    fn groups(&self) -> usize {
        self.statistics.as_ref().map_or(1, |told| told.rows().len())
    }

    fn known(&self) -> Result<Known<'_>> {
        let view = self.view(&self.schema);
        let rules = self.rules.iter().map(|rule| {
            rule.fits(&view.schema)?;
            if let (Some(told), Rule::Row(row)) = (&self.statistics, rule) {
                return told.kept(row);
            }
            Ok(BooleanBuffer::new_unset(self.groups()))
        });
        let facts = self.columns.iter().map(|(name, asked)| {
            let told = match &self.statistics {
                Some(told) if *asked == Asked::default() => told.facts(name)?,
                _ => vec![None; self.groups()],
            };
            Ok((name.as_str(), told))
        });
        Ok(Known {
            rules: rules.collect(),
            facts: facts.collect::<Result<_>>()?,
        })
    }

    /// The columns that are asked for, of those that a schema has.
    fn view(&self, schema: &Schema) -> View {
        let mut asked: Vec<&str> = self.columns.keys().map(String::as_str).collect();
        asked.sort_unstable();
        View::of(schema, self.rules.iter().flat_map(Rule::columns).chain(asked))
    }
}

/// What is known of the data before it is read.
struct Known<'a> {
    /// For each rule the groups whose rows all keep it, or the reason why it cannot be judged.
    rules: Vec<Result<BooleanBuffer>>,
    /// For each column whose facts are asked for those of the groups that tell them.
    facts: HashMap<&'a str, Vec<Option<ColumnFacts>>>,
}

/// The work of one chunk: a column with what is asked of it alone, or any other rule.
enum Task {
    Column {
        index: usize,
        /// Whether the facts are those of the items of the column's lists.
        items: bool,
        asked: Option<Asked>,
        rules: Vec<usize>,
    },
    Rule(usize),
}

enum Part {
    Facts(String, ColumnFacts),
    Row(usize, Broken),
    Keys(usize, RowKeys, u64),
    Order(usize, Order),
}

/// Chunks that are scanned together: enough work for every thread, little memory.
const CHUNKS: usize = 8;
/// Rows that all rules of a column judge before the next ones: they stay in the second-level cache.
const BLOCK: usize = CHUNK / 8;

/// Scans a stream of batches, of the columns and groups that [`Plan::needed`] names, or of all. A column that a group
/// does not need may hold anything there. `spill` gives each rule about keys its room on disk.
///
/// The result depends neither on the number of threads nor on how the rows arrive, nor on whether statistics answer a
/// part of it, as long as they are true.
///
/// # Errors
/// [`Error::Arrow`] where the stream breaks, [`Error::Argument`] where it has not the rows that statistics tell of, and
/// what a spill answers. A rule that does not fit the schema is no error: its outcome says so.
pub fn scan(
    batches: impl Iterator<Item = std::result::Result<RecordBatch, ArrowError>> + Send,
    schema: &SchemaRef,
    plan: &Plan,
    spill: impl Fn(usize) -> Option<Box<dyn Spill>>,
) -> Result<Scanned> {
    let known = plan.known()?;
    let needed: Vec<Vec<String>> = (0..plan.groups()).map(|group| plan.open(&known, group)).collect();
    if let Some(name) = needed
        .iter()
        .flatten()
        .find(|name| schema.index_of(name).is_err())
    {
        return Err(Error::argument(
            "data",
            format!("the column {name} is needed and not in the stream"),
        ));
    }
    let groups = match &plan.statistics {
        None => Groups::unknown(),
        Some(told) => Groups::of(told.rows(), |group| !needed[group].is_empty()),
    };
    let view = plan.view(schema);
    let mut found = Found::new(plan, &known, spill);
    let tasks = tasks(&view, plan, &found.outcomes);
    let batches = batches.map(|batch| view.columns(&batch?));
    let chunks = Rechunk::new(batches, Arc::clone(&view.schema));
    // A wide table has work enough in one chunk, and little room for more.
    let together = (CHUNKS * CHUNKS / view.schema.fields().len().max(1)).clamp(1, CHUNKS);
    let streamed = par::ahead(chunks, together, |chunks| {
        let mut streamed = 0;
        for held in chunks {
            par::checkpoint();
            let held = held?;
            // All chunks but the last of the stream are whole.
            let parts = par::map(held.len() * tasks.len(), |i| {
                let (chunk, task) = (i / tasks.len(), i % tasks.len());
                let start = streamed + (chunk * CHUNK) as u64;
                tasks[task].run(plan, &known, &groups, &held[chunk], start)
            });
            for part in parts {
                for part in part? {
                    found.add(part)?;
                }
            }
            streamed += held.iter().map(|chunk| chunk.num_rows() as u64).sum::<u64>();
        }
        Ok::<_, Error>(streamed)
    })?;
    let rows = match &plan.statistics {
        None => streamed,
        Some(_) if streamed != groups.rows() => {
            let message = format!(
                "they tell of {} rows to read, there are {streamed}",
                groups.rows()
            );
            return Err(Error::argument("statistics", message));
        }
        Some(told) => told.rows().iter().sum(),
    };
    found.finish(rows)
}

/// What is found of the stream so far.
struct Found<'a> {
    plan: &'a Plan,
    outcomes: Vec<Outcome>,
    facts: HashMap<String, ColumnFacts>,
    /// The keys of the rules about keys.
    keys: HashMap<usize, KeyCounts>,
}

impl<'a> Found<'a> {
    /// What is known of the groups that are answered unread.
    fn new(plan: &'a Plan, known: &Known, spill: impl Fn(usize) -> Option<Box<dyn Spill>>) -> Self {
        let (outcomes, facts) = known.answers(plan);
        let about_keys = outcomes.iter().enumerate();
        let about_keys = about_keys.filter(|(_, outcome)| matches!(outcome, Outcome::Keys(_)));
        let keys = about_keys.map(|(rule, _)| (rule, KeyCounts::new(spill(rule))));
        Self {
            plan,
            keys: keys.collect(),
            outcomes,
            facts,
        }
    }

    fn add(&mut self, part: Part) -> Result<()> {
        match part {
            Part::Facts(name, part) => self.facts.entry(name).or_default().merge(&part),
            Part::Keys(rule, keys, start) => {
                if let Some(counts) = self.keys.get_mut(&rule) {
                    counts.add(&keys, start)?;
                }
            }
            Part::Row(rule, part) => {
                if let Outcome::Row(whole) = &mut self.outcomes[rule] {
                    whole.merge(part);
                }
            }
            Part::Order(rule, part) => {
                if let (Outcome::Order(whole), Rule::Order(_, direction)) =
                    (&mut self.outcomes[rule], &self.plan.rules[rule])
                {
                    whole.merge(part, *direction);
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, rows: u64) -> Result<Scanned> {
        let mut tables = HashMap::new();
        for (rule, keys) in self.keys {
            if self.plan.keep {
                tables.insert(rule, keys.into_table());
                continue;
            }
            let mut found = keys.finish()?;
            if let Rule::Items(_) = self.plan.rules[rule] {
                found.examples.clear();
            }
            self.outcomes[rule] = Outcome::Keys(found);
        }
        Ok(Scanned {
            rows,
            facts: self.facts,
            outcomes: self.outcomes,
            tables,
        })
    }
}

impl Known<'_> {
    /// The outcomes and facts of the groups that are answered unread.
    fn answers(&self, plan: &Plan) -> (Vec<Outcome>, HashMap<String, ColumnFacts>) {
        let rows = plan.statistics.as_ref().map_or(&[][..], Statistics::rows);
        let outcomes = plan
            .rules
            .iter()
            .zip(&self.rules)
            .map(|(rule, kept)| match (rule, kept) {
                (_, Err(reason)) => Outcome::NotRun(reason.clone()),
                (Rule::Order(..), _) => Outcome::Order(Order::default()),
                (Rule::Keys(_) | Rule::Items(_), _) => Outcome::Keys(KeyFacts::default()),
                (Rule::Row(_), Ok(kept)) => {
                    let answered = rows.iter().zip(kept).filter(|(_, kept)| *kept);
                    Outcome::Row(Broken {
                        asked: answered.map(|(rows, _)| rows).sum(),
                        ..Broken::default()
                    })
                }
            });
        let there = plan.view(&plan.schema);
        let asked = self
            .facts
            .iter()
            .filter(|(name, _)| there.schema.index_of(name).is_ok());
        let facts = asked.map(|(name, told)| {
            let mut whole = ColumnFacts::default();
            told.iter().flatten().for_each(|part| whole.merge(part));
            ((*name).to_owned(), whole)
        });
        (outcomes.collect(), facts.collect())
    }
}

fn tasks(view: &View, plan: &Plan, outcomes: &[Outcome]) -> Vec<Task> {
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
    for (index, field) in view.schema.fields().iter().enumerate() {
        let name = field.name().as_str();
        let items = view.of_items(index);
        let (asked, rules) = (
            plan.columns.get(name).copied(),
            alone.remove(name).unwrap_or_default(),
        );
        if asked.is_some() || !rules.is_empty() {
            tasks.push(Task::Column {
                index,
                items,
                asked,
                rules,
            });
        }
    }
    tasks
}

impl Task {
    /// Judges a chunk that begins at row `start` of the stream, as far as it is not answered.
    fn run(
        &self,
        plan: &Plan,
        known: &Known,
        groups: &Groups,
        chunk: &RecordBatch,
        start: u64,
    ) -> Result<Vec<Part>> {
        let rows = chunk.num_rows();
        match self {
            Self::Column {
                index,
                items,
                asked,
                rules,
            } => {
                let alone = chunk.project(&[*index])?;
                let (name, column) = (chunk.schema_ref().field(*index).name(), chunk.column(*index));
                let mut parts = vec![Broken::default(); rules.len()];
                // A dictionary's values are judged once a block.
                let block = if column.data_type().is_primitive() {
                    BLOCK
                } else {
                    CHUNK
                };
                for at in (0..rows).step_by(block) {
                    for (&rule, part) in rules.iter().zip(&mut parts) {
                        let (Rule::Row(row), Ok(kept)) = (&plan.rules[rule], &known.rules[rule]) else {
                            continue;
                        };
                        let (start, rows) = (start + at as u64, block.min(rows - at));
                        for piece in groups.open(|group| kept.value(group), start, rows) {
                            let values = alone.slice(at + piece.rows.start, piece.rows.len());
                            let (broken, asked) = row.broken(&values)?;
                            part.add(&broken, asked, piece.first, |place| row.example(&values, place));
                        }
                    }
                }
                let parts = rules.iter().zip(parts).map(|(&rule, part)| Part::Row(rule, part));
                let mut parts: Vec<Part> = parts.collect();
                if let Some(asked) = asked {
                    let told = known.facts.get(name.as_str());
                    let answered = |group: usize| told.is_some_and(|told| told[group].is_some());
                    for piece in groups.open(answered, start, rows) {
                        let mut values = column.slice(piece.rows.start, piece.rows.len());
                        if *items {
                            values = flat(name, &values)?;
                        }
                        let facts = ColumnFacts::of_chunk(name, &values, *asked)?;
                        parts.push(Part::Facts(name.clone(), facts));
                    }
                }
                Ok(parts)
            }
            Self::Rule(index) => {
                let Ok(kept) = &known.rules[*index] else {
                    return Ok(Vec::new());
                };
                let pieces = groups.open(|group| kept.value(group), start, rows);
                pieces
                    .into_iter()
                    .map(|piece| {
                        let rows = chunk.slice(piece.rows.start, piece.rows.len());
                        part(*index, &plan.rules[*index], &rows, piece.first)
                    })
                    .collect()
            }
        }
    }
}

/// What some rows say of a rule that is not about one column of each row. `first` is the number of the first row.
fn part(index: usize, rule: &Rule, rows: &RecordBatch, first: u64) -> Result<Part> {
    let column = |name: &String| {
        rows.column_by_name(name).ok_or_else(|| Error::Type {
            name: name.clone(),
            message: "the column is missing".to_owned(),
        })
    };
    Ok(match rule {
        Rule::Row(rule) => {
            let (broken, asked) = rule.broken(rows)?;
            let mut part = Broken::default();
            part.add(&broken, asked, first, |row| rule.example(rows, row));
            Part::Row(index, part)
        }
        Rule::Keys(names) => {
            let columns: Vec<_> = names
                .iter()
                .map(|name| column(name).cloned())
                .collect::<Result<_>>()?;
            Part::Keys(index, RowKeys::of(names, &columns)?, first)
        }
        Rule::Items(name) => {
            let items = flat(name, column(name)?)?;
            Part::Keys(index, RowKeys::of(std::slice::from_ref(name), &[items])?, first)
        }
        Rule::Order(name, direction) => {
            Part::Order(index, Order::of_chunk(name, column(name)?, *direction, first)?)
        }
    })
}

impl Broken {
    /// Adds the rows that follow, of which `broken` break the rule. The first of them is row `start`.
    fn add(&mut self, broken: &BooleanBuffer, asked: u64, start: u64, value: impl Fn(usize) -> String) {
        self.asked += asked;
        self.count += broken.count_set_bits() as u64;
        let room = EXAMPLES - self.examples.len();
        let rows = broken.set_indices().take(room);
        self.examples
            .extend(rows.map(|row| (start + row as u64, value(row))));
    }

    /// The same rows where `before` others precede them.
    #[must_use]
    pub fn after(mut self, before: u64) -> Self {
        for (row, _) in &mut self.examples {
            *row = row.saturating_add(before);
        }
        self
    }

    /// Adds the rows of `later`, which follow the rows of `self`.
    pub fn merge(&mut self, later: Self) {
        self.asked = self.asked.saturating_add(later.asked);
        self.count = self.count.saturating_add(later.count);
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(later.examples.into_iter().take(room));
    }
}

/// The rows of a batch that break each rule: of rules about rows those that break it, of rules about
/// keys those whose key is among the `repeated` ones. A rule about order or about items names no row.
///
/// # Errors
/// [`Error::Type`] where a rule does not fit the batch.
pub fn broken_rows(
    batch: &RecordBatch,
    rules: &[Rule],
    repeated: &[Option<Arc<KeySet>>],
) -> Result<Vec<BooleanBuffer>> {
    let view = View::of(batch.schema_ref(), rules.iter().flat_map(Rule::columns));
    let batch = &view.columns(batch)?;
    par::map(rules.len(), |index| match &rules[index] {
        Rule::Row(rule) => Ok(rule.broken(batch)?.0),
        Rule::Items(_) | Rule::Order(..) => Ok(BooleanBuffer::new_unset(batch.num_rows())),
        Rule::Keys(columns) => {
            let Some(Some(set)) = repeated.get(index) else {
                return Ok(BooleanBuffer::new_unset(batch.num_rows()));
            };
            let known = RowRule::of(columns, Test::Known(Arc::clone(set)));
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
