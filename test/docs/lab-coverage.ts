import type { MoveOptions } from "../../src/core/model/desired.js";
import type { HostState } from "../../src/core/model/host-state.js";
import { stepsOf } from "../../src/core/model/plan.js";
import type { Content } from "../../src/core/model/storage.js";
import { planHost } from "../../src/core/plan/plan-host.js";
import { aHost, aWish, ext4, MIB, NIGHTS, sha256, swap, withFullImages, xfs } from "../support/a-host.js";
import { GUESTS } from "../lab/suite/covered.js";
import type { FileSystem, Move, Strategy, Switch } from "../lab/suite/covered.js";
import { IMPOSSIBLE, NOT_SAMPLED, NOWHERE } from "../lab/suite/uncovered.js";
import type { Gap, Impossible } from "../lab/suite/uncovered.js";

/** What the lab's moves are like, pair by pair, and which pairs there could be: the planner is asked. */

/** What may differ between two moves. */
export interface Way {
  readonly strategy: Strategy;
  readonly switch: Switch;
  readonly type: Move["type"];
  readonly hypervisor: Move["hypervisor"];
  readonly filesystems: readonly FileSystem[];
  readonly finish: NonNullable<Move["finish"]> | undefined;
}

/** What comes of one, by the planner. */
export interface Outcome {
  /** Of each disk: swap may go another way than the others. */
  readonly strategies: readonly string[];
  readonly switch: Switch;
  readonly finish: Way["finish"];
  readonly reach: Move["reach"];
}

const BYTES = 320 * MIB;
const CONTENT: Readonly<Record<FileSystem, Content>> = {
  ext4: ext4("root", BYTES),
  ext3: { ...ext4("root", BYTES), type: "ext3", features: ["has_journal", "ext_attr"] } as Content,
  old: { ...ext4("root", BYTES), features: ["has_journal", "ext_attr"], inodeBytes: 128 } as Content,
  xfs: xfs("root", BYTES),
  swap: swap("swap", BYTES),
  partitions: { type: "partitions", table: "dos" },
};

/** As `xl info` says on the lab's Dom0, on a processor that has what PVH and HVM guests need. */
const CAPABILITIES = { main: ["pv", "hvm", "hap", "shadow"], security: ["pv", "hvm", "hap"] } as const;

/**
 * What comes of it where a playbook asks for this way, or why there is no plan.
 * @param picked the playbook leaves the switch-over to `auto`
 */
export function plannedAs(way: Way, picked = false): Outcome | readonly string[] {
  const { strategy, switch: switchOver, type, hypervisor, filesystems, finish } = way;
  const vdevs = filesystems.map((filesystem, at) => (filesystem === "partitions" ? "xvda" : `xvda${String(at + 1)}`));
  const disks = Object.fromEntries(filesystems.map((filesystem, at) => [
    vdevs[at] ?? "", { content: CONTENT[filesystem], bytes: BYTES, ...(filesystem === "partitions" ? { partitioned: true as const } : {}) },
  ]));
  const running = switchOver !== "down";
  const extra = `vif = ['ip=10.0.0.9']\n${type === "pv" ? "" : `type = "${type}"\n`}`;
  const host = aHost([{ name: "guest", disks, running, extra, ...(strategy === "qemu" ? { qdisk: true } : {}) }]);
  const state: HostState = { ...withFullImages(host), host: { ...host.host, capabilities: CAPABILITIES[hypervisor] } };
  const move: MoveOptions = {
    strategy,
    ...(switchOver === "none" || switchOver === "down" || picked ? {} : { switch: switchOver }),
    ...(finish === undefined ? {} : { finish, ...(finish === "window" ? { window: NIGHTS } : {}) }),
  };
  const { domains: [plan], diagnostics } = planHost(state, [aWish("guest", vdevs, move)], sha256);
  if (plan === undefined) return diagnostics.flatMap(({ summary, detail = "" }) => [summary, ...detail.split("\n")]);
  const ids = stepsOf(plan.nodes).map(({ id }) => id);
  const kinds = new Set(stepsOf(plan.nodes).map(({ kind }) => kind));
  const strategies = plan.choices.map((choice) => choice.strategy);
  const isMirrored = running && plan.switchOver !== undefined && !kinds.has("copy-files");
  return {
    strategies,
    switch: !running ? "down" : kinds.has("pivot-disks") ? "none" : (plan.switchOver?.switch ?? "restart") as Switch,
    finish: !isMirrored ? undefined : kinds.has("await-window") ? "window" : ids.some((id) => id.startsWith("again.")) ? "now" : "deferred",
    reach: kinds.has("copy-files") ? "files" : kinds.has("mark-used") ? "used blocks" : "all blocks",
  };
}

/** What a row says, as the planner can be asked for it. */
export function wayOfRow({ strategy, switch: switchOver, type, hypervisor, guest, disks, finish }: Move): Way {
  const held: Readonly<Record<string, FileSystem>> = GUESTS[guest];
  const filesystems = disks.flatMap((vdev) => held[vdev] ?? []);
  return { strategy, switch: switchOver, type, hypervisor, filesystems, finish };
}

/** What may differ between moves, and how. No two of these have a value in common, so that two values say what they are of. */
export const VALUES = {
  strategy: ["rsync", "dm", "md", "md-preseed", "drbd", "qemu"],
  switch: ["restart", "suspend", "migrate", "next-reboot", "none", "down"],
  type: ["pv", "pvh", "hvm"],
  hypervisor: ["security", "main"],
  filesystem: ["ext4", "ext3", "old", "xfs", "swap", "partitions"],
  disks: ["one", "several"],
  finish: ["deferred", "now", "window"],
} as const;

type Factor = keyof typeof VALUES;

/** Of these factors every two values that are possible together are looked for. */
const LOOKED_AT: readonly (readonly [Factor, Factor])[] = [
  ["strategy", "switch"], ["strategy", "type"], ["strategy", "hypervisor"], ["strategy", "filesystem"], ["strategy", "disks"],
  ["strategy", "finish"], ["switch", "type"], ["switch", "hypervisor"], ["type", "hypervisor"],
];

type Values = Readonly<Record<Factor, readonly string[]>>;

function pairsOf(values: Values): readonly string[] {
  return LOOKED_AT.flatMap(([a, b]) => values[a].flatMap((one) => values[b].map((other) => `${one} + ${other}`)));
}

function valuesOf({ strategy, switch: switchOver, type, hypervisor, filesystems, finish }: Way): Values {
  return {
    strategy: [strategy], switch: [switchOver], type: [type], hypervisor: [hypervisor], filesystem: filesystems,
    disks: [filesystems.length > 1 ? "several" : "one"], finish: finish === undefined ? [] : [finish],
  };
}

/** What the planner says to every way that could be asked for, two values of each. */
export interface Answers {
  readonly possible: ReadonlySet<string>;
  /** Of a pair that is in no plan: why. */
  readonly refused: ReadonlyMap<string, ReadonlySet<string>>;
  /** Of a pair that was asked for, and of which something else came. */
  readonly otherwise: ReadonlySet<string>;
}

/** Every content, alone and with swap beside it. */
const ASKED: readonly (readonly FileSystem[])[] = VALUES.filesystem.flatMap((filesystem): readonly (readonly FileSystem[])[] =>
  (filesystem === "swap" ? [] : filesystem === "partitions" ? [[filesystem]] : [[filesystem], [filesystem, "swap"]]));

/** What is in a disk matters to the strategy and to nothing else that is looked at: it is asked for on one kind of guest. */
function everyWay(): readonly Way[] {
  return VALUES.strategy.flatMap((strategy) => VALUES.switch.flatMap((switchOver) => [
    ...ASKED.map((filesystems): Way => ({ strategy, switch: switchOver, type: "pv", hypervisor: "main", filesystems, finish: "deferred" })),
    ...(["now", "window"] as const).map((finish): Way =>
      ({ strategy, switch: switchOver, type: "pv", hypervisor: "main", filesystems: ["ext4"], finish })),
    ...VALUES.type.flatMap((type) => VALUES.hypervisor.map((hypervisor): Way =>
      ({ strategy, switch: switchOver, type, hypervisor, filesystems: ["ext4"], finish: "deferred" }))),
  ]));
}

/** Asks for every way in which two values of what is looked at come together. */
export function askPlanner(): Answers {
  const possible = new Set<string>();
  const refused = new Map<string, Set<string>>();
  const otherwise = new Set<string>();
  for (const way of everyWay()) {
    const outcome = plannedAs(way);
    if (!("reach" in outcome)) {
      for (const pair of pairsOf(valuesOf(way))) refused.set(pair, new Set([...refused.get(pair) ?? [], ...outcome]));
      continue;
    }
    const { switch: switchOver, finish } = outcome;
    const asked = pairsOf(valuesOf(way));
    const came = new Set(switchOver === way.switch ? pairsOf(valuesOf({ ...way, finish })) : []);
    for (const pair of asked) (came.has(pair) ? possible : otherwise).add(pair);
  }
  return { possible, refused, otherwise };
}

/** Two values each of the factors that are looked at, whether or not there is such a move. */
export function everyPair(): readonly string[] {
  return pairsOf(VALUES);
}

/** Pairs of values that some of these moves have. */
export function coveredBy(moves: readonly Move[]): ReadonlySet<string> {
  return new Set(moves.flatMap((move) => pairsOf(valuesOf(wayOfRow(move)))));
}

export const PAGE = "test/lab/README.md";
const [BEGIN, END] = ["<!-- from covered.ts and uncovered.ts: UPDATE_GOLDEN=1 npx vitest run --project fast test/docs -->\n", "<!-- so far -->\n"];

/** The page with its tables put in anew. */
export function withTables(page: string, text: string): string {
  const [before = "", rest = ""] = page.split(BEGIN);
  const [, after] = rest.split(END);
  if (after === undefined) throw new Error(`${PAGE} has no place for its tables`);
  return `${before}${BEGIN}${text}${END}${after}`;
}

/** Factors as columns, against one as rows. */
const TABLES: readonly { readonly rows: Factor; readonly columns: readonly Factor[] }[] = [
  { rows: "strategy", columns: ["switch", "type", "hypervisor"] },
  { rows: "strategy", columns: ["filesystem", "disks", "finish"] },
  { rows: "switch", columns: ["type", "hypervisor"] },
  { rows: "type", columns: ["hypervisor"] },
];

/** What is covered, as the page shows it. */
export function tables(possible: ReadonlySet<string>, all: ReadonlySet<string>, sampled: ReadonlySet<string>): string {
  const cell = (pair: string): string => (!possible.has(pair) ? "–" : sampled.has(pair) ? "yes" : all.has(pair) ? "all" : "**no**");
  const drawn = TABLES.map(({ rows, columns }) => {
    const heads = columns.flatMap((factor) => [...VALUES[factor]]);
    const lines = VALUES[rows].map((row) => `| ${row} | ${heads.map((head) => cell(`${row} + ${head}`)).join(" | ")} |`);
    return `\n| | ${heads.join(" | ")} |\n| --- |${heads.map(() => " --- |").join("")}\n${lines.join("\n")}\n`;
  });
  const list = (heading: string, gaps: readonly (Impossible | Gap)[]): string => {
    const items = gaps.map((gap) => wrapped(`${gap.pairs.join(", ")}${"minutes" in gap ? ` (${String(gap.minutes)} min)` : ""}: ${gap.because}`));
    return `\n${heading}\n\n${items.join("")}`;
  };
  return [
    ...drawn,
    list("No test of the lab has these, and they would take about as long as is said:", NOWHERE),
    list("Only `npm run test:lab:all` has these; in `npm run test:lab` they would take about as long as is said:", NOT_SAMPLED),
    list("These there can not be:", IMPOSSIBLE),
    "\n",
  ].join("");
}

/** An item of a list, in lines that are no longer than those of other pages. */
function wrapped(text: string): string {
  const lines: string[] = [];
  // a pair stays in one line
  for (const word of text.split(/(?<!\+) (?!\+)/)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > 106) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return `- ${lines.join("\n  ")}\n`;
}
