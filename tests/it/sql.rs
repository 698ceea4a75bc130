//! `assetctl sql`, and assets of the kind `sql`.
