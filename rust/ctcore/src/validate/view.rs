//! Columns by name, also those that lie inside of others: `parent.child` in a struct, `list[]` for a list's items,
//! `list[].child` for a field of them, `map{}.key` and `map{}.value` for those of a map.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, GenericListArray, OffsetSizeTrait, RecordBatch,
    RecordBatchOptions, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow_select::nullif::nullif;

/// The columns of a batch that some names stand for. A field of a struct is null where the struct is; the field of a
/// list's items is a list of the same lengths, as are the keys and the values of a map.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) schema: SchemaRef,
    paths: Vec<Path>,
}

/// How to come to a column.
#[derive(Debug)]
struct Path {
    /// The column of the batch.
    root: usize,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Field(usize),
    /// Into a list's items, or a map's entries.
    Items,
}

impl View {
    /// The columns of these names, each once, in the order of the names; a name that nothing has is left out.
    pub(crate) fn of<'a>(schema: &Schema, names: impl Iterator<Item = &'a str>) -> Self {
        let (mut fields, mut paths) = (Vec::<FieldRef>::new(), Vec::new());
        let mut seen = std::collections::HashSet::new();
        for name in names.filter(|name| seen.insert(*name)) {
            if let Some((path, field)) = resolve(schema, name) {
                fields.push(Arc::new(field.with_name(name)));
                paths.push(path);
            }
        }
        Self {
            schema: Arc::new(Schema::new(fields)),
            paths,
        }
    }

    /// Whether a column holds for each row a list of what the name stands for.
    pub(crate) fn of_items(&self, column: usize) -> bool {
        self.paths[column].steps.contains(&Step::Items)
    }

    /// The columns of the batches that the view needs: those that the names begin with.
    pub(crate) fn root<'a>(schema: &'a Schema, name: &str) -> Option<&'a str> {
        resolve(schema, name).map(|(path, _)| schema.field(path.root).name().as_str())
    }

    /// The columns of a batch.
    ///
    /// # Errors
    /// [`ArrowError`] where the batch is not of the schema.
    pub(crate) fn columns(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = self
            .paths
            .iter()
            .zip(self.schema.fields())
            .map(|(path, field)| walk(batch.column(path.root), &path.steps, field.data_type()))
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

/// The columns that lie inside of others, by name, with their types: of `list[].child` that of the child. What lies
/// inside of lists is not entered again.
pub fn nested(schema: &Schema) -> Vec<(String, DataType)> {
    fn add(found: &mut Vec<(String, DataType)>, name: &str, data_type: &DataType, of_items: bool) {
        if let Some(items) = items_of(data_type).filter(|_| !of_items) {
            let name = format!("{name}[]");
            found.push((name.clone(), items.data_type().clone()));
            add(found, &name, items.data_type(), true);
        } else if let Some(entry) = entry_of(data_type).filter(|_| !of_items) {
            for (part, field) in ENTRY.iter().zip(entry) {
                let name = format!("{name}{{}}{part}");
                found.push((name.clone(), field.data_type().clone()));
                add(found, &name, field.data_type(), true);
            }
        } else if let DataType::Struct(children) = data_type {
            for child in children {
                let name = format!("{name}.{}", child.name());
                found.push((name.clone(), child.data_type().clone()));
                add(found, &name, child.data_type(), of_items);
            }
        }
    }
    let mut found = Vec::new();
    for field in schema.fields() {
        add(&mut found, field.name(), field.data_type(), false);
    }
    found
}

/// The way to a name and what is there. A column's own name goes before a way through others.
fn resolve(schema: &Schema, name: &str) -> Option<(Path, Field)> {
    if let Some((root, field)) = schema.column_with_name(name) {
        let steps = Vec::new();
        return Some((Path { root, steps }, field.clone()));
    }
    schema.fields().iter().enumerate().find_map(|(root, field)| {
        let mut steps = Vec::new();
        let found = descend(field, name.strip_prefix(field.name())?, &mut steps)?;
        Some((Path { root, steps }, found))
    })
}

fn descend(field: &Field, rest: &str, steps: &mut Vec<Step>) -> Option<Field> {
    if rest.is_empty() {
        return Some(field.clone());
    }
    if let (Some(rest), Some(items)) = (rest.strip_prefix("[]"), items_of(field.data_type())) {
        if steps.contains(&Step::Items) {
            return None; // the items of lists in lists
        }
        steps.push(Step::Items);
        let found = descend(items, rest, steps)?;
        let data_type = match field.data_type() {
            DataType::LargeList(_) => DataType::LargeList(Arc::new(found)),
            DataType::FixedSizeList(_, size) => DataType::FixedSizeList(Arc::new(found), *size),
            _ => DataType::List(Arc::new(found)),
        };
        return Some(Field::new(field.name(), data_type, true));
    }
    if let (Some(rest), Some(entry)) = (rest.strip_prefix("{}"), entry_of(field.data_type())) {
        if steps.contains(&Step::Items) {
            return None;
        }
        let (part, rest) = ENTRY
            .iter()
            .enumerate()
            .find_map(|(part, name)| Some((part, rest.strip_prefix(name)?)))?;
        steps.extend([Step::Items, Step::Field(part)]);
        let found = descend(&entry[part], rest, steps)?.with_nullable(true);
        return Some(Field::new(field.name(), DataType::List(Arc::new(found)), true));
    }
    let (rest, DataType::Struct(children)) = (rest.strip_prefix('.')?, field.data_type()) else {
        return None;
    };
    children.iter().enumerate().find_map(|(index, child)| {
        if matches!(
            child.data_type(),
            DataType::Union(..) | DataType::RunEndEncoded(..)
        ) {
            return None; // they have no nulls of their own to take the struct's
        }
        let rest = rest.strip_prefix(child.name())?;
        let kept = steps.len();
        steps.push(Step::Field(index));
        let found = descend(child, rest, steps);
        if found.is_none() {
            steps.truncate(kept);
        }
        found.map(|found| found.with_nullable(true))
    })
}

/// The items of a type of lists.
pub(crate) fn items_of(data_type: &DataType) -> Option<&FieldRef> {
    match data_type {
        DataType::List(items) | DataType::LargeList(items) | DataType::FixedSizeList(items, _) => Some(items),
        _ => None,
    }
}

/// How the parts of a map's entries are called here, whatever the writer calls them.
const ENTRY: [&str; 2] = [".key", ".value"];

/// The key and the value of a type of maps.
fn entry_of(data_type: &DataType) -> Option<&Fields> {
    match data_type {
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(parts) if parts.len() == ENTRY.len() => Some(parts),
            _ => None,
        },
        _ => None,
    }
}

/// The column at the end of a way, of the type that [`descend`] gave.
fn walk(array: &ArrayRef, steps: &[Step], data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    match steps.split_first() {
        None | Some((Step::Items, [])) => Ok(Arc::clone(array)),
        Some((Step::Field(index), rest)) => walk(&child(array.as_struct(), *index)?, rest, data_type),
        Some((Step::Items, rest)) => {
            let Some(field) = items_of(data_type) else {
                return Ok(Arc::clone(array)); // a way through items ends in a list
            };
            if let Some(map) = array.as_map_opt() {
                let entries: ArrayRef = Arc::new(map.entries().clone());
                return items(map.offsets(), &entries, map.nulls(), rest, field);
            }
            if let Some(list) = array.as_list_opt::<i32>() {
                return items(list.offsets(), list.values(), list.nulls(), rest, field);
            }
            if let Some(list) = array.as_list_opt::<i64>() {
                return items(list.offsets(), list.values(), list.nulls(), rest, field);
            }
            let list = array.as_fixed_size_list();
            let values = walk(list.values(), rest, field.data_type())?;
            let (size, nulls) = (list.value_length(), list.nulls().cloned());
            Ok(Arc::new(FixedSizeListArray::try_new(
                Arc::clone(field),
                size,
                values,
                nulls,
            )?))
        }
    }
}

fn items<O: OffsetSizeTrait>(
    offsets: &OffsetBuffer<O>,
    values: &ArrayRef,
    nulls: Option<&NullBuffer>,
    steps: &[Step],
    field: &FieldRef,
) -> Result<ArrayRef, ArrowError> {
    let values = walk(values, steps, field.data_type())?;
    Ok(Arc::new(GenericListArray::try_new(
        Arc::clone(field),
        offsets.clone(),
        values,
        nulls.cloned(),
    )?))
}

/// A field of a struct, null where the struct is.
fn child(parent: &StructArray, index: usize) -> Result<ArrayRef, ArrowError> {
    let child = parent.column(index);
    match parent.nulls() {
        None => Ok(Arc::clone(child)),
        Some(nulls) => nullif(child, &BooleanArray::new(!nulls.inner(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::types::Int32Type;
    use arrow_array::{Int32Array, ListArray, MapArray};

    fn field(name: &str, data_type: DataType) -> FieldRef {
        Arc::new(Field::new(name, data_type, true))
    }

    /// `s`: a struct of `a` and of `t`, a struct of `b`; null in the row 1.
    fn structs() -> StructArray {
        let numbers = |values: [Option<i32>; 3]| Arc::new(Int32Array::from(values.to_vec())) as ArrayRef;
        let inner = StructArray::new(
            vec![field("b", DataType::Int32)].into(),
            vec![numbers([Some(4), Some(5), Some(6)])],
            Some(NullBuffer::from(vec![true, true, false])),
        );
        let fields = vec![field("a", DataType::Int32), field("t", inner.data_type().clone())];
        let columns = vec![numbers([Some(1), Some(2), None]), Arc::new(inner) as ArrayRef];
        StructArray::new(
            fields.into(),
            columns,
            Some(NullBuffer::from(vec![true, false, true])),
        )
    }

    fn found(array: ArrayRef, name: &str) -> Option<ArrayRef> {
        let schema = Arc::new(Schema::new(vec![field("s", array.data_type().clone())]));
        let batch = RecordBatch::try_new(schema, vec![array]).unwrap();
        let view = View::of(batch.schema_ref(), std::iter::once(name));
        view.columns(&batch).unwrap().column_by_name(name).cloned()
    }

    #[test]
    fn a_field_is_null_where_what_it_lies_in_is() {
        let field = |name: &str| {
            found(Arc::new(structs()), name).map(|array| array.as_primitive::<Int32Type>().clone())
        };
        assert_eq!(field("s.a"), Some(Int32Array::from(vec![Some(1), None, None])));
        assert_eq!(field("s.t.b"), Some(Int32Array::from(vec![Some(4), None, None])));
        for missing in ["s.b", "s.t.", "s.", "st", "s[]", "s.t[]", "t"] {
            assert_eq!(field(missing), None, "{missing}");
        }
    }

    #[test]
    fn a_field_of_items_is_a_list_and_a_slice_is_followed() {
        let items = structs();
        let lists = ListArray::new(
            field("item", items.data_type().clone()),
            OffsetBuffer::new(vec![0, 1, 1, 3].into()),
            Arc::new(items),
            Some(NullBuffer::from(vec![true, false, true])),
        );
        let lists: ArrayRef = Arc::new(lists);
        let whole = found(lists.slice(1, 2), "s[].a").unwrap();
        let expected = ListArray::from_iter_primitive::<Int32Type, _, _>([None, Some(vec![None, None])]);
        assert_eq!(
            whole.as_list::<i32>().iter().collect::<Vec<_>>(),
            expected.iter().collect::<Vec<_>>()
        );
        assert!(found(Arc::clone(&lists), "s[]").is_some());
        assert!(found(lists, "s[][]").is_none());
    }

    #[test]
    fn the_keys_and_values_of_a_map_are_lists_whatever_they_are_called() {
        let keys: ArrayRef = Arc::new(Int32Array::from(vec![7, 8, 9]));
        let entry = StructArray::new(
            vec![
                Arc::new(Field::new("keys", DataType::Int32, false)),
                field("values", structs().data_type().clone()),
            ]
            .into(),
            vec![keys, Arc::new(structs())],
            None,
        );
        let entries = Arc::new(Field::new("entries", entry.data_type().clone(), false));
        let offsets = OffsetBuffer::new(vec![0, 1, 1, 3].into());
        let nulls = Some(NullBuffer::from(vec![true, false, true]));
        let maps: ArrayRef = Arc::new(MapArray::new(entries, offsets, entry, nulls, false));
        let of = |name: &str, lists: [Option<Vec<Option<i32>>>; 2]| {
            let found = found(maps.slice(1, 2), name).unwrap();
            let expected = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
            assert!(found.as_list::<i32>().iter().eq(expected.iter()), "{name}");
        };
        of("s{}.key", [None, Some(vec![Some(8), Some(9)])]);
        of("s{}.value.a", [None, Some(vec![None, None])]);
        for missing in [
            "s{}",
            "s{}.",
            "s{}.keys",
            "s{}.entry",
            "s{}.value{}.key",
            "s[]",
            "s.key",
        ] {
            assert!(found(Arc::clone(&maps), missing).is_none(), "{missing}");
        }
        let schema = Schema::new(vec![field("s", maps.data_type().clone())]);
        let names: Vec<String> = nested(&schema).into_iter().map(|(name, _)| name).collect();
        let values = ["s{}.value", "s{}.value.a", "s{}.value.t", "s{}.value.t.b"];
        assert_eq!(names, [&["s{}.key"][..], &values].concat());
    }

    #[test]
    fn a_name_of_its_own_goes_before_a_way() {
        let structs: ArrayRef = Arc::new(structs());
        let plain: ArrayRef = Arc::new(Int32Array::from(vec![7, 8, 9]));
        let schema = Schema::new(vec![
            field("s", structs.data_type().clone()),
            field("s.a", DataType::Int32),
        ]);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![structs, Arc::clone(&plain)]).unwrap();
        let view = View::of(batch.schema_ref(), ["s.a", "s.t.b", "s.a"].into_iter());
        assert_eq!(view.schema.fields().len(), 2);
        assert_eq!(view.columns(&batch).unwrap().column(0), &plain);
        assert_eq!(View::root(batch.schema_ref(), "s.t.b"), Some("s"));
        let names: Vec<String> = nested(batch.schema_ref())
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["s.a", "s.t", "s.t.b"]);
    }
}
