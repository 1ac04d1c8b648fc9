import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { validateAction } from "@action-validator/core";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";

/** The GitHub Action and the pre-commit hook, as far as they can be tried without those services. */

interface Step {
  readonly name?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

describe("action.yml", () => {
  const text = readFileSync("action.yml", "utf8");
  const action = parse(text) as { inputs: Record<string, { default: string }>; runs: { steps: readonly Step[] } };
  const folder = mkdtempSync(join(tmpdir(), "converge-action-"));
  afterAll(() => { rmSync(folder, { recursive: true, force: true }); });
  // in place of the program: it prints its arguments, one a line
  writeFileSync(join(folder, "args.js"), "console.log(process.argv.slice(2).join('\\n'))");

  /** Runs the step that lints, in bash, with the values that the runner would put in. */
  function lintStep(inputs: Readonly<Record<string, string>>): readonly string[] {
    const step = action.runs.steps.find(({ name }) => name === "Lint");
    const values = { ...Object.fromEntries(Object.entries(action.inputs).map(([name, input]) => [name, input.default])), ...inputs };
    const env = Object.fromEntries(Object.entries(step?.env ?? {}).map(([name, template]) => [
      name, name === "CONVERGE" ? join(folder, "args.js") : template.replace(/\$\{\{ inputs\.([a-z-]+) \}\}/, (_, input: string) => values[input] ?? ""),
    ]));
    const { status, stdout, stderr } = spawnSync("bash", ["-euo", "pipefail", "-c", step?.run ?? "exit 9"], { encoding: "utf8", env: { ...process.env, ...env } });
    if (status !== 0) throw new Error(stderr);
    return stdout.trimEnd().split("\n");
  }

  test("is valid against the published schema", () => {
    expect(validateAction(text).errors).toEqual([]);
    expect(validateAction(text.replace("using: composite", "using: nothing")).errors).not.toEqual([]);
  });

  test("lints what its inputs say", () => {
    expect(lintStep({})).toEqual(["lint", "--format", "github", "--", "."]);
    expect(lintStep({ paths: "playbooks  inventory", "max-warnings": "0", format: "sarif" }))
      .toEqual(["lint", "--format", "sarif", "--max-warnings", "0", "--", "playbooks", "inventory"]);
    expect(lintStep({ paths: "playbooks\ninventory/live\n" })).toEqual(["lint", "--format", "github", "--", "playbooks", "inventory/live"]);
  });

  test("takes no input for a command or an option", () => {
    expect(lintStep({ paths: "--fix $(touch x) ; y" })).toEqual(["lint", "--format", "github", "--", "--fix", "$(touch", "x)", ";", "y"]);
  });
});

describe(".pre-commit-hooks.yaml", () => {
  const hooks = parse(readFileSync(".pre-commit-hooks.yaml", "utf8")) as readonly Record<string, unknown>[];
  const { bin, files, scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
    bin: Record<string, string>; files: readonly string[]; scripts: Record<string, string>;
  };

  test("runs the program that an installation brings along", () => {
    expect(hooks.map(({ id, language, pass_filenames: names }) => [id, language, names])).toEqual([["converge-lint", "node", false]]);
    expect(Object.keys(bin)).toContain(String(hooks[0]?.["entry"]).split(" ")[0]);
    // pre-commit packs the repository: what is built has to be in the package
    expect(scripts["prepack"]).toContain("build");
    for (const path of Object.values(bin)) expect(files.some((one) => path.startsWith(`./${one}/`)), path).toBe(true);
  });

  test.each([["playbooks/web.yml", true], ["inventory/hosts", true], ["hosts", true], ["inventory/group_vars/xen", true], ["README.md", false], ["src/main.ts", false]])(
    "%s: %s", (path, wanted) => { expect(new RegExp(String(hooks[0]?.["files"])).test(path)).toBe(wanted); },
  );
});
