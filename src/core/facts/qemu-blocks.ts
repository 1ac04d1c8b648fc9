import type { Command } from "../model/command.js";
import type { BlockJob, BlockNode } from "../model/qemu.js";
import { QMP } from "../program/runtime.generated.js";
import { redactedMember } from "../xl/secrets.js";
import { isMissingTool, absent, known, unreadable, unreadableDiagnostic, type SecondFact } from "./fact.js";
import { isObject, numberOf, objectsOf, parseJson, textOf, type JsonObject } from "./json.js";
import type { ReportedBackend } from "./xenstore-backends.js";

/** What the QEMU of one guest has open, by its own word. */
export interface ReportedQemu {
  readonly domid: number;
  /** The node that each disk of the guest is served from, by its virtual device. */
  readonly disks: Readonly<Record<string, BlockNode>>;
  readonly nodes: readonly BlockNode[];
  readonly jobs: readonly BlockJob[];
}

/** How long one QEMU may take to answer. */
const SECONDS = 5;

/**
 * Block nodes and jobs of every QEMU that serves a guest's disk (QMP: query-block, query-named-block-nodes, query-jobs).
 * Only where there is such a guest, and nothing is changed: whoever asks is a client for a moment.
 */
export const fact: SecondFact<readonly ReportedQemu[], { readonly xenstoreBackends?: readonly ReportedBackend[] }> = {
  name: "qemu-blocks",
  round: 2,
  command({ xenstoreBackends }): Command | undefined {
    const domids = new Set((xenstoreBackends ?? []).filter(({ backend }) => backend === "qdisk").map(({ domid }) => String(domid)));
    return domids.size === 0 ? undefined : ["python3", "-I", "-S", "-B", "-c", QMP, "views", String(SECONDS), ...domids];
  },
  parse(result) {
    if (isMissingTool(result)) return absent;
    if (result.exitCode !== 0) return unreadable("block nodes of guests' QEMU", result);
    const lines = result.stdout.split("\n").filter((line) => line !== "");
    const read = lines.map((line) => readView(parseJson(line)));
    const guests = read.filter((view): view is ReportedQemu => typeof view === "object");
    const failed = read.filter((view): view is string => typeof view === "string");
    return known(guests, failed.map((why) => unreadableDiagnostic("block nodes of a guest's QEMU", result, why)));
  },
  redact(result) {
    const lines = result.stdout.split("\n").map((line) => {
      const view = parseJson(line);
      return isObject(view) ? JSON.stringify(view, redactedMember) : line;
    });
    return { ...result, stdout: lines.join("\n") };
  },
};

/** @returns why not, where QEMU did not answer */
function readView(view: unknown): ReportedQemu | string {
  const domid = isObject(view) ? numberOf(view, "domid") : undefined;
  if (!isObject(view) || domid === undefined) return "what came back is no answer";
  if (Object.hasOwn(view, "error")) return `domain ${domid}: ${textOf(view, "error")}`;
  const disks = Object.fromEntries(objectsOf(view["disks"]).map((disk) => [textOf(disk, "vdev"), readNode(disk)]));
  const jobs = objectsOf(view["jobs"]).map((job) => ({ job: textOf(job, "job"), status: textOf(job, "status") }));
  return { domid, disks, nodes: objectsOf(view["nodes"]).map(readNode), jobs };
}

function readNode(node: JsonObject): BlockNode {
  return { node: textOf(node, "node"), path: textOf(node, "path"), driver: textOf(node, "driver"), bytes: numberOf(node, "bytes") ?? 0 };
}
