//! The JSON Schemas of `assets.yaml` and `schedules.yaml`: one made from the types in `spec.rs`, read by the structural pass and by editors.
//!
//! Draft 7, which the YAML plugins of editors know best.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::spec::{
    AsOfSpec, ColumnsSpec, Common, CompleteSpec, ExecSpec, JobSpec, Kind, ObserverSpec, ProjectSpec, ResampleSpec,
    ScheduleSpec, SchedulesSpec, SensorSpec, SignalsSpec, SourceSpec, SqlSpec, TableSpec,
};

/// Schemas that the structural pass walks.
pub(crate) struct Schemas {
    pub definitions: Map<String, Value>,
    /// The top level of the main file.
    pub project: Value,
    /// The top level of an included file.
    pub included: Value,
    /// By kind: `kind`, the kind's own keys, then those of every asset.
    pub assets: Vec<(&'static str, Value)>,
    /// The top level of `schedules.yaml`.
    pub schedules: Value,
    /// The definitions that `schedules` takes.
    schedules_definitions: Map<String, Value>,
}

/// Keys that an included file may have.
const INCLUDED: [&str; 4] = ["include", "vars", "calendars", "assets"];

pub(crate) static SCHEMAS: LazyLock<Schemas> = LazyLock::new(Schemas::new);

impl Schemas {
    fn new() -> Self {
        let mut generator = SchemaSettings::draft07().into_generator();
        for types in [add::<ProjectSpec>, add::<Common>] {
            types(&mut generator);
        }
        let kinds: Vec<(&'static str, String)> =
            Kind::NAMES.into_iter().map(|kind| (kind, add_kind(&mut generator, kind))).collect();
        let definitions = generator.take_definitions(true);
        let mut project = definitions["ProjectSpec"].clone();
        let assets = json!({
            "type": "object",
            "description": "The assets, by name.",
            "additionalProperties": { "type": "object" },
        });
        if let Some(properties) = project["properties"].as_object_mut() {
            properties.insert("assets".into(), assets);
        }
        let mut included = project.clone();
        if let Some(properties) = included["properties"].as_object_mut() {
            properties.retain(|key, _| INCLUDED.contains(&key.as_str()));
        }
        let common = &definitions["Common"];
        let assets = kinds.into_iter().map(|(kind, name)| (kind, asset(kind, &definitions[&name], common))).collect();
        let (schedules, schedules_definitions) = schedules();
        let mut definitions = definitions;
        definitions.extend(schedules_definitions.clone());
        Self { definitions, project, included, assets, schedules, schedules_definitions }
    }

    pub fn asset(&self, kind: &str) -> Option<&Value> {
        self.assets.iter().find(|(name, _)| *name == kind).map(|(_, schema)| schema)
    }

    /// Follows `$ref`, and `allOf` of one, which is how a reference is given a description.
    pub fn resolve<'a>(&'a self, mut schema: &'a Value) -> &'a Value {
        loop {
            let reference = schema.get("$ref").and_then(Value::as_str);
            let target = reference.and_then(|path| path.rsplit('/').next()).and_then(|name| self.definitions.get(name));
            let inner = schema.get("allOf").and_then(Value::as_array).and_then(|all| all.first());
            match target.or(inner) {
                Some(next) => schema = next,
                None => return schema,
            }
        }
    }
}

/// The top level of `schedules.yaml`, and the definitions that it takes.
fn schedules() -> (Value, Map<String, Value>) {
    let mut generator = SchemaSettings::draft07().into_generator();
    let top = add::<SchedulesSpec>(&mut generator);
    let parts = [
        ("jobs", "The jobs, by name.", add::<JobSpec>(&mut generator)),
        ("schedules", "When jobs are due, by name.", add::<ScheduleSpec>(&mut generator)),
        ("sensors", "What makes jobs run, by name.", add::<SensorSpec>(&mut generator)),
        ("observers", "Who is told of what, by name.", add::<ObserverSpec>(&mut generator)),
    ];
    let mut definitions = generator.take_definitions(true);
    let mut root = definitions.remove(&top).unwrap_or_default();
    if let Some(properties) = root["properties"].as_object_mut() {
        for (key, description, definition) in parts {
            let of = json!({ "$ref": format!("#/definitions/{definition}") });
            let map = json!({ "type": "object", "description": description, "additionalProperties": of });
            properties.insert(key.into(), map);
        }
    }
    (root, definitions)
}

fn add<T: JsonSchema>(generator: &mut SchemaGenerator) -> String {
    generator.subschema_for::<T>();
    T::schema_name().into_owned()
}

/// The name of the definition of a kind's own keys.
fn add_kind(generator: &mut SchemaGenerator, kind: &str) -> String {
    match kind {
        "source" => add::<SourceSpec>(generator),
        "table" => add::<TableSpec>(generator),
        "as_of" => add::<AsOfSpec>(generator),
        "complete" => add::<CompleteSpec>(generator),
        "resample" => add::<ResampleSpec>(generator),
        "signals" => add::<SignalsSpec>(generator),
        "sql" => add::<SqlSpec>(generator),
        "exec" => add::<ExecSpec>(generator),
        _ => add::<ColumnsSpec>(generator),
    }
}

/// `kind`, the kind's own keys, `for_each`, and what every asset takes.
fn asset(kind: &str, own: &Value, common: &Value) -> Value {
    let mut properties = Map::new();
    properties.insert("kind".into(), json!({ "type": "string", "const": kind, "description": "What the asset is." }));
    let keys = |schema: &Value| schema["properties"].as_object().cloned().unwrap_or_default();
    properties.extend(keys(own));
    properties.insert(
        "for_each".into(),
        json!({
            "description": "Makes one asset for each item, whose values `${name}` stands for: a list of maps, or a map of lists \
                            (every combination). The asset's name must have a `${name}` in it.",
            "anyOf": [
                { "type": "array", "items": { "type": "object" } },
                { "type": "object", "additionalProperties": { "type": "array" } },
                { "type": "string" },
            ],
        }),
    );
    properties.extend(keys(common));
    let mut required = vec![json!("kind")];
    required.extend(own["required"].as_array().cloned().unwrap_or_default());
    let mut schema = json!({ "title": kind, "type": "object" });
    if let Some(description) = own.get("description") {
        schema["description"] = description.clone();
    }
    schema["properties"] = properties.into();
    schema["required"] = required.into();
    schema
}

/// The whole of `assets.yaml` as JSON Schema (draft 7), for editors and other tools.
pub fn json_schema() -> Value {
    let schemas = &*SCHEMAS;
    let mut root = schemas.project.clone();
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root["title"] = json!("assetctl");
    let kinds: Vec<Value> = schemas.assets.iter().map(|(_, schema)| schema.clone()).collect();
    root["properties"]["assets"]["additionalProperties"] = json!({ "oneOf": kinds });
    let mut definitions = schemas.definitions.clone();
    // What only schedules take is in their own schema.
    let mut reached = Map::new();
    reach(&root, &schemas.definitions, &mut reached);
    definitions.retain(|name, _| reached.contains_key(name));
    definitions.retain(|name, _| name != "ProjectSpec" && !name.ends_with("Spec") || name == "CalendarSpec");
    root["definitions"] = definitions.into();
    finish(&mut root);
    root
}

/// The whole of `schedules.yaml` as JSON Schema (draft 7).
pub fn schedules_schema() -> Value {
    let schemas = &*SCHEMAS;
    let mut root = schemas.schedules.clone();
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root["title"] = json!("assetctl schedules");
    root["definitions"] = schemas.schedules_definitions.clone().into();
    finish(&mut root);
    root
}

/// The definitions that a schema refers to, directly or not.
fn reach<'a>(schema: &Value, definitions: &'a Map<String, Value>, reached: &mut Map<String, Value>) {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    if let Some((name, definition)) = name.and_then(|name| definitions.get_key_value(name))
        && !reached.contains_key(name)
    {
        reached.insert(name.clone(), Value::Null);
        reach(definition, definitions, reached);
    }
    match schema {
        Value::Object(object) => object.values().for_each(|value| reach(value, definitions, reached)),
        Value::Array(items) => items.iter().for_each(|value| reach(value, definitions, reached)),
        _ => {}
    }
}

/// What the structural pass knows without being told: maps with known keys are closed, any scalar is a text where text
/// belongs, and `${…}` may stand for any number, date, choice or list.
fn finish(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    if is_interpolated(object) {
        return interpolated(object);
    }
    if object.contains_key("properties") {
        object.entry("additionalProperties").or_insert(json!(false));
    }
    for (key, value) in object.iter_mut() {
        match (key.as_str(), value) {
            ("properties" | "definitions", Value::Object(schemas)) => {
                schemas.iter_mut().filter(|(name, _)| *name != "kind").for_each(|(_, schema)| finish(schema));
            }
            ("anyOf" | "oneOf" | "allOf", Value::Array(schemas)) => schemas.iter_mut().for_each(finish),
            ("items" | "additionalProperties", schema) => finish(schema),
            _ => {}
        }
    }
    let names: Vec<String> = object.get("type").into_iter().flat_map(types).map(str::to_owned).collect();
    if names.iter().any(|name| name == "array") {
        interpolated(object);
    } else if names.iter().any(|name| name == "string") && !object.contains_key("pattern") {
        // `000001` and `no` are text where text belongs, whatever a plugin takes them for.
        object.insert("type".into(), names.iter().map(String::as_str).chain(["number", "boolean"]).collect());
    }
}

/// The schema, or a text with a `${…}` in it.
fn interpolated(object: &mut Map<String, Value>) {
    let outside: Map<String, Value> =
        ["description", "default"].into_iter().filter_map(|key| object.remove_entry(key)).collect();
    let inside = std::mem::replace(object, outside);
    object.insert("anyOf".into(), json!([inside, { "type": "string", "pattern": "\\$\\{[^}]+\\}" }]));
}

/// Numbers, flags, choices, and texts of a given form: values of which a `${…}` is none as it stands.
fn is_interpolated(schema: &Map<String, Value>) -> bool {
    let choice = |schema: &Map<String, Value>| schema.contains_key("enum") || schema.contains_key("const");
    let choices = schema.get("oneOf").and_then(Value::as_array);
    choice(schema)
        || choices.is_some_and(|all| all.iter().all(|one| one.as_object().is_some_and(choice)))
        || schema.contains_key("format")
        || schema
            .get("type")
            .is_some_and(|name| types(name).any(|name| ["number", "integer", "boolean"].contains(&name)))
}

/// The names of a `type`, which is one or a list.
pub(crate) fn types(value: &Value) -> impl Iterator<Item = &str> {
    let (one, many) = match value {
        Value::Array(many) => (None, many.as_slice()),
        one => (one.as_str(), [].as_slice()),
    };
    one.into_iter().chain(many.iter().filter_map(Value::as_str))
}

/// Whether a schema allows a type.
pub(crate) fn has_type(form: &Value, name: &str) -> bool {
    form.get("type").is_some_and(|names| types(names).any(|known| known == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_branch_with_its_own_and_the_common_keys() {
        let schema = json_schema();
        let branches = schema["properties"]["assets"]["additionalProperties"]["oneOf"].as_array().unwrap();
        let kinds: Vec<&str> =
            branches.iter().map(|branch| branch["properties"]["kind"]["const"].as_str().unwrap()).collect();
        assert_eq!(kinds, Kind::NAMES);
        for branch in branches {
            assert_eq!(branch["additionalProperties"], json!(false));
            assert!(branch["properties"]["tags"]["description"].is_string(), "{branch}");
            assert!(branch["required"].as_array().unwrap().contains(&json!("kind")));
        }
        let source = &branches[0]["properties"];
        assert!(source["csv"].is_object() && source["off_calendar"].is_object(), "flattened keys are there");
        assert_eq!(schema["properties"]["defaults"]["allOf"][0]["$ref"], "#/definitions/Common");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(object) => {
                    found.extend(object.get("$ref").and_then(Value::as_str));
                    object.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let schema = json_schema();
        let mut found = Vec::new();
        references(&schema, &mut found);
        assert!(found.len() > 10);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(schema.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn a_number_may_be_a_variable_and_a_kind_may_not() {
        let schema = json_schema();
        let k = &schema["definitions"]["TopK"]["properties"]["k"]["anyOf"];
        assert_eq!((&k[0]["type"], &k[1]["type"]), (&json!("integer"), &json!("string")));
        assert!(schema["definitions"]["Fill"]["anyOf"][0]["oneOf"].is_array());
        assert!(schema["definitions"]["Span"]["anyOf"][0]["pattern"].is_string());
    }
}
