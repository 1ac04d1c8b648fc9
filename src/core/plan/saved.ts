import { Ajv } from "ajv";
import type { ValidateFunction } from "ajv";
import type { Connection } from "../inventory/connection.js";
import type { DesiredDomain } from "../model/desired.js";
import type { Checked, Diagnostic } from "../model/diagnostic.js";
import type { PastRun } from "../model/host-state.js";
import type { DomainPlan } from "../model/plan.js";
import type { SourceRange, SourceText } from "../model/source.js";
import { lineColumn } from "../model/source.js";
import { canonicalJson } from "./canonical-json.js";
import { savedPlanSchema } from "./saved-schema.js";

/**
 * A plan in a file: what was reviewed is what runs. It holds typed steps, edits by byte range and what the plan was
 * made from; never commands, whole configs or secrets. Applying plans anew from the same wishes, compares, and runs the
 * fresh plan: so a file that was forged can not make converge do what planning would not. How its hosts are reached counts
 * only where no inventory is given, and only as far as inventory/carried.ts lets it.
 */
export interface SavedPlan {
  /** Version of converge that wrote it. */
  readonly tool: string;
  readonly playbooks: readonly string[];
  readonly batches: readonly SavedBatch[];
  readonly hosts: readonly SavedHost[];
}

/** Hosts of one play that are taken together. */
export interface SavedBatch {
  readonly hosts: readonly string[];
  /** Go on with the next batch while no more than this share of this one has failed. */
  readonly maxFailPercent: number;
}

export interface SavedHost {
  readonly host: string;
  /** How to reach it; passwords are left out, and asked for anew with -K. */
  readonly connection: Connection;
  /** Past runs that the forecasts were reckoned from, and with them what `auto` picked. */
  readonly history: readonly PastRun[];
  readonly desired: readonly DesiredDomain[];
  readonly domains: readonly SavedDomain[];
}

export type SavedDomain = Pick<DomainPlan, "domain" | "digest" | "nodes" | "bindings" | "choices" | "estimate">;

/** Raised whenever the form of the file or the meaning of a step changes. */
export const SAVED_PLAN_VERSION = 3;
const FORMAT = "converge-plan";

/** SHA-256 of a text in hex: hashing is no business of the core. */
export type Digest = (text: string) => string;

/** The text of a plan file. */
export function writeSavedPlan(plan: SavedPlan, digest: Digest): string {
  const body = {
    format: FORMAT, version: SAVED_PLAN_VERSION, tool: plan.tool, playbooks: plan.playbooks, batches: plan.batches,
    hosts: plan.hosts.map((host) => ({
      host: host.host,
      connection: withoutSecrets(host.connection),
      history: host.history,
      desired: host.desired.map(withoutPlaces),
      domains: host.domains.map(({ domain, digest: wish, nodes, bindings, choices, estimate }) => ({
        domain, digest: wish, nodes, bindings, choices, estimate,
      })),
    })),
  };
  // through JSON once, so that what is hashed is what a reader will see (undefined is not)
  const plain: unknown = JSON.parse(JSON.stringify(body));
  return `${JSON.stringify({ ...(plain as object), digest: digest(canonicalJson(plain)) }, null, 2)}\n`;
}

/** Is this text meant to be a saved plan? Asked of what `apply` is given, before it is read as a playbook. */
export function looksLikeSavedPlan(source: SourceText): boolean {
  return source.file.endsWith(".json") || beginsAsSavedPlan(source);
}

/** Has converge written this, whatever has become of its end? A name alone says nothing of that: inventories and recordings are JSON, too. */
export function beginsAsSavedPlan({ text }: SourceText): boolean {
  return /^\s*\{\s*"format"\s*:\s*"converge-plan"/.test(text);
}

/** Reads a plan file: refuses what is no plan, cut short, of another version, or changed since it was written. */
export function readSavedPlan(source: SourceText, tool: string, digest: Digest): Checked<SavedPlan> {
  let value: unknown;
  try {
    value = JSON.parse(source.text);
  } catch (error) {
    return refused(broken(source, "is not a saved plan: it is not whole JSON", (error as Error).message));
  }
  if (!isObject(value) || value["format"] !== FORMAT) {
    return refused(broken(source, "is not a saved plan", "a saved plan is what `converge --check --out FILE` writes"));
  }
  if (value["version"] !== SAVED_PLAN_VERSION) return refused(otherVersion(source, value, tool));
  const { digest: written, ...body } = value;
  if (written !== digest(canonicalJson(body))) {
    return refused({
      severity: "error", code: "saved-plan-changed", at: whole(source),
      summary: "the saved plan has been changed since it was written",
      detail: "its digest does not fit its content",
      fix: "Make the plan again with `converge --check --out FILE`.",
    });
  }
  const problem = firstProblem(value);
  if (problem !== undefined) return refused(broken(source, "is not a saved plan that converge can read", problem));
  return { value: revived(body as unknown as SavedPlan, source), diagnostics: [] };
}

let validate: ValidateFunction | undefined;

function firstProblem(value: unknown): string | undefined {
  validate ??= new Ajv({ strict: true, allowUnionTypes: true }).compile(savedPlanSchema);
  if (validate(value)) return undefined;
  const error = validate.errors?.[0];
  return `${error?.instancePath ?? ""} ${error?.message ?? "does not fit"}`.trim();
}

/** Wishes get a place again: the plan file itself. */
function revived(body: SavedPlan, source: SourceText): SavedPlan {
  const at = whole({ file: source.file, text: "" });
  return {
    tool: body.tool, playbooks: body.playbooks, batches: body.batches,
    hosts: body.hosts.map((host) => ({
      ...host,
      desired: host.desired.map((domain) => ({ ...domain, at, disks: domain.disks.map((disk) => ({ ...disk, at, volumeAt: at })) })),
    })),
  };
}

function withoutSecrets(connection: Connection): Connection {
  if (connection.become === undefined) return connection;
  const { password: _secret, ...become } = connection.become;
  return { ...connection, become };
}

function withoutPlaces(domain: DesiredDomain): object {
  const { at: _at, disks, ...rest } = domain;
  return { ...rest, disks: disks.map(({ at: _diskAt, volumeAt: _volumeAt, ...disk }) => disk) };
}

function refused(diagnostic: Diagnostic): Checked<SavedPlan> {
  return { value: undefined, diagnostics: [diagnostic] };
}

function broken(source: SourceText, what: string, detail: string): Diagnostic {
  return {
    severity: "error", code: "saved-plan-broken", at: whole(source), summary: `${source.file} ${what}`, detail,
    fix: "Make the plan again with `converge --check --out FILE`.",
  };
}

function otherVersion(source: SourceText, value: Readonly<Record<string, unknown>>, tool: string): Diagnostic {
  return {
    severity: "error", code: "saved-plan-version", at: whole(source),
    summary: `the saved plan has format version ${JSON.stringify(value["version"])}, this converge reads ${SAVED_PLAN_VERSION}`,
    detail: `written by converge ${typeof value["tool"] === "string" ? JSON.stringify(value["tool"]) : "of a version that it does not say"}, read by ${tool}`,
    fix: "Make the plan again with this converge: `converge --check --out FILE`.",
  };
}

function whole(source: SourceText): SourceRange {
  const start = source.text === "" ? 0 : Math.max(0, source.text.search(/\S/));
  // the first line is enough to show which file it is
  const { line } = lineColumn(source.text, start);
  const end = line === 1 ? Math.min(source.text.length, start + 1) : start;
  return { source, start, end };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
