//! Programs: what they read, and what they are.

use assetctl_config::{ColumnType, ExecSpec, Secret, WindowAxis};
use serde_json::json;

use super::{Lowered, Lowering, SchemaSource, error, version};
use crate::node::{AssetNode, Axis, Body, EdgeColumns};
use crate::references::Reference;

impl Lowering<'_> {
    pub(super) fn exec(
        &mut self,
        spec: &ExecSpec,
        references: &[Reference],
        inputs: &[&AssetNode],
        files: &dyn SchemaSource,
    ) -> Option<Lowered> {
        let before = self.problems.len();
        for ((alias, wanted), input) in spec.inputs.iter().zip(inputs) {
            if input.axis == Axis::Static && wanted.sessions.is_some_and(|sessions| sessions > 1) {
                self.problems.push(error(
                    self.asset.locate(&["inputs", alias, "sessions"]),
                    format!("`{}` is a table: it has no sessions", input.name),
                    "asked for several sessions of it",
                    Some("leave `sessions` out".into()),
                ));
            }
        }
        let mut scripts = Vec::new();
        for (path, file) in spec.scripts() {
            match files.content(&self.asset.base.join(file)) {
                Some(content) => scripts.push((file.to_owned(), content)),
                None => {
                    let path: Vec<&str> = path.iter().map(String::as_str).collect();
                    self.problems.push(error(
                        self.asset.locate(&path),
                        format!("there is no file `{file}`"),
                        "cannot be read",
                        Some("paths are relative to the file that declares the asset".into()),
                    ));
                }
            }
        }
        if self.problems.len() > before {
            return None;
        }
        let back: Vec<u32> = spec.inputs.iter().map(|(_, input)| input.back()).collect();
        let key = match &spec.key {
            Some(key) => key.as_slice().iter().filter(|column| *column != "session").cloned().collect(),
            None => {
                let is_key =
                    |name: &str, ty: ColumnType| name == "instrument" || (name == "time" && ty == ColumnType::Time);
                spec.columns.iter().filter(|(name, ty)| is_key(name, **ty)).map(|(name, _)| name.clone()).collect()
            }
        };
        let columns: Vec<(String, ColumnType)> =
            spec.columns.iter().map(|(name, ty)| (name.clone(), *ty)).filter(|(name, _)| name != "session").collect();
        let env: Vec<_> = spec
            .env
            .iter()
            .map(|(name, value)| match value {
                Secret::Text(text) => json!([name, text]),
                // What it is kept in changes no result.
                Secret::From(_) => json!([name]),
            })
            .collect();
        Some(Lowered {
            edges: self.edges(references, |at| (EdgeColumns::All, back.get(at).copied().unwrap_or(0))),
            schema: Some(columns.clone()),
            spec: json!({
                "kind": "exec",
                "version": version::EXEC,
                "command": spec.command,
                "scripts": scripts,
                "inputs": spec.inputs.keys().zip(&back).collect::<Vec<_>>(),
                "columns": spec.columns,
                "key": key,
                "params": spec.params,
                "env": env,
            }),
            body: Body::Exec { spec: spec.clone(), key, columns },
            window_axis: WindowAxis::Calendar,
            recursive: false,
        })
    }
}
