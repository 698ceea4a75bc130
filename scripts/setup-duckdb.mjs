// Puts the official prebuilt libduckdb into third_party/duckdb (or where DUCKDB_LIB_DIR says), from the npm package that
// carries it, and checks it against the sha256 in third_party/duckdb.json. Does nothing, and needs no network, when the right
// library is already there.
//
// Exit codes: 0 the library is in place; 1 it could not be fetched or is not the expected one; 2 none is known for this
// platform.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ours = join(root, "third_party", "duckdb");
const folder = process.env.DUCKDB_LIB_DIR ? resolve(process.env.DUCKDB_LIB_DIR) : ours;
const known = JSON.parse(await readFile(join(root, "third_party", "duckdb.json"), "utf8"));
const platform = `${process.platform}-${process.arch}`;

class Failure extends Error {
  constructor(message, code = 1) {
    super(message);
    this.code = code;
  }
}

async function sha256(path) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

function run(program, args, cwd, what) {
  // npm is a script on Windows, which only a shell starts. The arguments are ours and hold no spaces.
  const shell = process.platform === "win32" && program === "npm";
  try {
    return execFileSync(program, args, { cwd, shell, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    if (error.code === "ENOENT") throw new Failure(`\`${program}\` is not installed; ${what} needs it`);
    throw new Failure(`${what} failed: \`${program} ${args.join(" ")}\`\n${error.stderr || error.message}`.trimEnd());
  }
}

async function fetchLibrary(library, target) {
  const name = `${known.package}-${platform}@${known.packageVersion}`;
  console.log(`setup: fetching libduckdb ${known.version} (${name}, about 25 MB)`);
  // Beside the target, so that the last step is a rename on one file system.
  const scratch = await mkdtemp(join(folder, ".setup-"));
  try {
    run("npm", ["pack", name, "--silent"], scratch, "fetching libduckdb");
    const tarball = (await readdir(scratch)).find((file) => file.endsWith(".tgz"));
    if (!tarball) throw new Failure(`\`npm pack ${name}\` left no package`);
    run("tar", ["-xzf", tarball, `package/${library.file}`], scratch, "unpacking libduckdb");
    const unpacked = join(scratch, "package", library.file);
    const found = await sha256(unpacked);
    if (found !== library.sha256) {
      throw new Failure(
        `${library.file} of ${name} has sha256 ${found}, and third_party/duckdb.json expects ${library.sha256}; ` +
          "it was not installed",
      );
    }
    await rename(unpacked, target);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function main() {
  const library = known.libraries[platform];
  if (!library) {
    throw new Failure(
      `no prebuilt libduckdb ${known.version} is known for ${platform} (third_party/duckdb.json has ` +
        `${Object.keys(known.libraries).join(", ")}); build DuckDB from source instead: ` +
        "`cargo build --features bundled`, or `make demo FEATURES=bundled` (about an hour on two cores)",
      2,
    );
  }
  await mkdir(folder, { recursive: true });
  const target = join(folder, library.file);
  const shown = folder === ours ? relative(root, target) : target;
  if (existsSync(target)) {
    if ((await sha256(target)) === library.sha256) {
      console.log(`setup: libduckdb ${known.version} is in place (${shown})`);
      return;
    }
    if (folder !== ours) {
      throw new Failure(`${shown} is not libduckdb ${known.version}; remove it, or unset DUCKDB_LIB_DIR`);
    }
    console.log(`setup: ${shown} is not libduckdb ${known.version}; replacing it`);
  }
  await fetchLibrary(library, target);
  console.log(`setup: libduckdb ${known.version} is in place (${shown})`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`setup: ${error.message}`);
  process.exitCode = error.code;
}
