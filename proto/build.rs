//! Compiles `proto/counterfoil/v1/*.proto` without protoc and generates, from the descriptors alone:
//! the run-time tables of every fact (whole, clear half, slots), the public clear messages, and the
//! wire forms of records and foils. What breaks a rule of the catalogue does not build.

#[path = "build/clear.rs"]
mod clear;
#[path = "build/model.rs"]
mod model;
#[path = "build/tables.rs"]
mod tables;

use prost_types::{FileDescriptorProto, FileDescriptorSet};
use protox::prost::Message;
use protox::prost_reflect::DescriptorPool;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

const ROOT: &str = "proto";
const FOLDER: &str = "proto/counterfoil/v1";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={ROOT}");
    println!("cargo:rerun-if-changed=build");
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo says so where a build script writes"
    )]
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let pool = compile()?;
    let catalogue = model::read(&pool)?;
    fs::write(out.join("tables.rs"), tables::emit(&catalogue))?;

    let clear_file = clear::file(&pool, &catalogue);
    generate(vec![clear_file], &out, ".counterfoil.v1.clear", false)?;
    fs::write(out.join("clear_facts.rs"), clear::fact_enum(&catalogue))?;

    let own = |names: &[&str]| files(&pool, |file| names.iter().any(|name| file.ends_with(name)));
    generate(
        own(&["record.proto", "foil.proto"]),
        &out,
        ".counterfoil.v1",
        true,
    )?;

    // The whole messages by prost and pbjson: compiled into tests only, as a second opinion.
    let wire = out.join("wire");
    fs::create_dir_all(&wire)?;
    fs::write(wire.join("oracle.rs"), clear::oracle(&catalogue))?;
    generate(
        files(&pool, |file| file.starts_with("counterfoil/")),
        &wire,
        ".counterfoil.v1",
        true,
    )?;
    Ok(())
}

fn compile() -> Result<DescriptorPool, Box<dyn Error>> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(FOLDER)? {
        let name = entry?
            .file_name()
            .into_string()
            .map_err(|_| "a file name is not UTF-8")?;
        if name.ends_with(".proto") {
            sources.push(format!("counterfoil/v1/{name}"));
        }
    }
    sources.sort();
    let mut compiler = protox::Compiler::new([ROOT])?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(sources)?;
    Ok(compiler.descriptor_pool())
}

fn files(pool: &DescriptorPool, wanted: impl Fn(&str) -> bool) -> Vec<FileDescriptorProto> {
    pool.files()
        .filter(|file| wanted(file.name()))
        .map(|file| {
            let mut file = file.file_descriptor_proto().clone();
            // prost-build takes a field with any option for one that is not packed.
            let fields = file
                .message_type
                .iter_mut()
                .flat_map(|message| &mut message.field);
            fields.for_each(|field| field.options = None);
            file
        })
        .collect()
}

fn generate(
    file: Vec<FileDescriptorProto>,
    out: &Path,
    package: &str,
    json: bool,
) -> Result<(), Box<dyn Error>> {
    let set = FileDescriptorSet { file };
    if json {
        pbjson_build::Builder::new()
            .out_dir(out)
            .register_descriptors(&set.encode_to_vec())?
            .build(&[package])?;
    }
    prost_build::Config::new().out_dir(out).compile_fds(set)?;
    Ok(())
}
