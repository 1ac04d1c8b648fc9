import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join, relative } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { registries } from "../../scripts/registries.js";
import type * as toolsFact from "../../src/core/facts/tools.js";
import type * as modulesFact from "../../src/core/facts/modules.js";
import type * as readings from "../../src/core/facts/readings.js";
import type * as playbookSchema from "../../src/core/load/schema/playbook.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { stepsOf } from "../../src/core/model/plan.js";
import type { HostPlan } from "../../src/core/model/plan.js";
import type * as planning from "../../src/core/plan/plan-host.js";
import type * as savedMove from "../../src/core/plan/saved-move.js";
import { aHost, aWish, ext4, MIB, sha256, withFullImages } from "../support/a-host.js";
import { tempFolder } from "../support/temp-folder.js";

/**
 * A step kind, a strategy, a fact and a check are a file each, and nothing else (ADR 14): they are laid into a copy of the
 * tree, whose registries are generated, and each is looked for where a list of names would have had to name it.
 */

const NEW: Readonly<Record<string, string>> = {
  "src/core/steps/scrub-volume.ts": `
import { volumePath } from "../model/names.js";
import type { StepKind } from "../model/step.js";

export const scrubVolume: StepKind<"scrub-volume", { readonly volume: string }> = {
  kind: "scrub-volume",
  risk: "safe",
  requires: ["scrubber"],
  packages: { scrubber: "scrub-utils" },
  modules: ["dm_scrub"],
  title: ({ volume }) => \`Scrub \${volume}\`,
  actions: ({ volume }) => [{ command: ["scrubber", volumePath(volume)] }],
  goals: () => [],
  effect: (_args, model) => model,
};
`,
  "src/core/strategies/scrubbed.ts": `
import { safeName } from "../model/names.js";
import { scrubVolume } from "../steps/scrub-volume.js";
import { stepOf } from "../steps/step-of.js";
import { rsync } from "./rsync.js";
import type { Strategy } from "./strategy.js";

export const scrubbed: Strategy = {
  name: "scrubbed",
  about: "copies files onto a volume that was scrubbed",
  named: true,
  auto: false,
  way: "files",
  carries: "files",
  shows: ["loop"],
  snapshots: true,
  failsOnFull: "the scrubber",
  fits: (move, state) => rsync.fits(move, state),
  forecast: (move, state) => rsync.forecast(move, state),
  fragments: (move, state) => {
    const { prepare, ...others } = rsync.fragments(move, state);
    const { vdev, to: { volume } } = move.change;
    const [create, ...more] = prepare;
    if (create === undefined) throw new Error("no volume");
    return { ...others, prepare: [create, stepOf(scrubVolume, "prepare", \`\${safeName(vdev)}.scrub\`, { volume }, "it is to shine"), ...more] };
  },
};
`,
  "src/core/facts/uptime.ts": `
import { known, unreadable, type FirstFact } from "./fact.js";

/** Seconds since Dom0 was booted. */
export const fact: FirstFact<number> = {
  name: "uptime",
  round: 1,
  command: ["cat", "/proc/uptime"],
  parse(result) {
    const seconds = Number(/^(\\d+\\.\\d+) /.exec(result.stdout)?.[1] ?? Number.NaN);
    return Number.isNaN(seconds) ? unreadable("uptime of Dom0", result) : known(seconds);
  },
};
`,
  "src/core/checks/image-linked.ts": `
import type { Check } from "./check.js";

export const imageLinked: Check = {
  code: "image-linked",
  about: "an image with a second name may be somebody else's under it",
  run: ({ moves }) =>
    moves
      .filter(({ image }) => image.links > 1)
      .map(({ image, vdev, wish }) => ({
        severity: "warning", vdev, at: wish.at,
        summary: \`\${image.path} has \${image.links} names (hard links)\`,
        fix: "Find the others with \`find / -xdev -samefile\`, and see who uses them.",
      })),
};
`,
};

const root = join(import.meta.dirname, "../..");
const copy = tempFolder("one-file-each");
const load = async <Module>(path: string): Promise<Module> => await import(join(copy, path)) as Module;

/** Files below a folder that are not, letter for letter, in another. */
function differing(folder: string, other: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .filter((path) => textOf(join(folder, path)) !== textOf(join(other, path)))
    .sort();
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

beforeAll(() => {
  for (const name of ["src", "tsconfig.json", "package.json"]) cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  for (const [path, text] of Object.entries(NEW)) writeFileSync(join(copy, path), text);
  for (const [path, text] of registries(copy)) writeFileSync(join(copy, path), text);
});

test("nothing but these files and the registries has changed", () => {
  const written = ["checks", "facts", "steps", "strategies"].map((folder) => `src/core/${folder}/registry.ts`);
  expect(differing(join(copy, "src"), join(root, "src")).map((path) => join("src", path))).toEqual([...Object.keys(NEW), ...written].sort());
});

test("the compiler asks for nothing more", { tags: "long" }, () => {
  writeFileSync(join(copy, "tsconfig.src.json"), JSON.stringify({ extends: "./tsconfig.json", compilerOptions: { incremental: false, noEmit: true }, include: ["src"] }));
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", join(copy, "tsconfig.src.json")], { encoding: "utf8" });
});

describe("a strategy", () => {
  test("may be named by a playbook, which is told what it does, and by a saved plan", async () => {
    const { moveSchema } = await load<typeof playbookSchema>("src/core/load/schema/playbook.ts");
    const { strategy } = moveSchema.properties;
    expect(strategy.enum).toContain("scrubbed");
    expect(strategy.description).toContain("`scrubbed` copies files onto a volume that was scrubbed");
    const { savedMoveSchema } = await load<typeof savedMove>("src/core/plan/saved-move.ts");
    expect(savedMoveSchema.properties.strategy.enum).toContain("scrubbed");
  });

  test("is planned with", async () => {
    const { domains, diagnostics } = await plan(host());
    expect(diagnostics).toEqual([]);
    expect(domains[0]?.choices.map(({ strategy }) => strategy)).toEqual(["scrubbed"]);
    expect(stepsOf(domains[0]?.nodes ?? []).map(({ id }) => id)).toContain("xvda1.scrub");
  });

  test("is known by what it says of itself to checks that look at one", async () => {
    const codes = async (state: HostState): Promise<readonly string[]> => (await plan(state)).diagnostics.map(({ code }) => code);
    const { diagnostics } = await plan(host(false));
    expect(diagnostics.map(({ code, summary }) => `${code}: ${summary}`)).toEqual([
      expect.stringMatching(/^sparse-image: .*were its file system to fill up, the scrubber would fail all writes of web1$/),
    ]);
    const sectors = { ...host(), volumeGroups: Object.fromEntries(Object.entries(host().volumeGroups).map(([name, group]) => [name, { ...group, sectorBytes: 8192 }])) };
    expect(await codes(sectors)).toEqual(["sector-size"]);
    const stacked = withImage((image) => ({ ...image, stacked: [{ kind: "lvm", partition: false }] }));
    const seen = (await plan(stacked)).diagnostics;
    expect(seen.map(({ code, detail }) => [code, detail])).toEqual([["scanned-by-dom0", "an LVM physical volume: LVM looks at loop devices"]]);
  });
});

describe("a step kind", () => {
  test("has hosts asked for its tools and its modules", async () => {
    const { TOOLS } = await load<typeof toolsFact>("src/core/facts/tools.ts");
    const { MODULES } = await load<typeof modulesFact>("src/core/facts/modules.ts");
    expect(TOOLS).toContain("scrubber");
    expect(MODULES).toContain("dm_scrub");
  });

  test("is not planned for where one of them is missing", async () => {
    const without = await plan({ ...host(), tools: { ...host().tools, scrubber: { present: false } }, modules: { ...host().modules, dm_scrub: "missing" } });
    expect(without.diagnostics.map(({ code, summary, fix }) => [code, summary, fix])).toEqual([
      ["missing-module", "the kernel of dom0a has no module dm_scrub", "Install the package of the running kernel (linux-image-6.1.0 on Debian), or boot the installed one."],
      ["missing-tool", "dom0a has no scrubber", "Install Debian's package scrub-utils."],
    ]);
  });
});

test("a fact is asked for, and read", async () => {
  const { firstRound, readFacts } = await load<typeof readings>("src/core/facts/readings.ts");
  expect(firstRound()).toContainEqual({ name: "uptime", command: ["cat", "/proc/uptime"], seconds: 120 });
  const { values } = readFacts({ uptime: { exitCode: 0, stdout: "17.25 30.00\n", stderr: "" } });
  expect(values).toEqual({ uptime: 17.25 });
});

test("a check is made of every plan", async () => {
  const { diagnostics } = await plan(withImage((image) => ({ ...image, links: 2 })));
  expect(diagnostics.filter(({ code }) => code === "image-linked").map(({ severity, summary }) => [severity, summary]))
    .toEqual([["warning", "/srv/xen/web1/xvda1.img has 2 names (hard links)"]]);
});

function host(full = true): HostState {
  const state = aHost([{ name: "web1", disks: { xvda1: { content: ext4("uuid-1", 64 * MIB) } } }]);
  return full ? withFullImages(state) : state;
}

function withImage(change: (image: HostState["images"][string]) => HostState["images"][string]): HostState {
  const state = host();
  return { ...state, images: Object.fromEntries(Object.entries(state.images).map(([path, image]) => [path, change(image)])) };
}

async function plan(state: HostState): Promise<HostPlan> {
  const { planHost } = await load<typeof planning>("src/core/plan/plan-host.ts");
  return planHost(state, [aWish("web1", ["xvda1"], { strategy: "scrubbed" })], sha256);
}
