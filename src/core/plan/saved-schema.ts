import { savedMoveSchema, savedReadySchema } from "./saved-move.js";

/**
 * The form of a saved plan. It is strict: what is not named here is not in the file, so no command but the wish's own
 * (`ready`), no config and no secret can travel in it, and a file that somebody has added to is refused.
 */

const text = { type: "string" } as const;
const texts = { type: "array", items: text } as const;
/** -1: no limit. */
const seconds = { type: "number", minimum: -1 } as const;
const bytes = { type: "number", minimum: 0 } as const;

const step = {
  type: "object",
  additionalProperties: false,
  required: ["node", "id", "kind", "phase", "args", "why"],
  properties: {
    node: { type: "string", const: "step" },
    id: text, kind: text, why: text,
    phase: { type: "string", enum: ["prepare", "switch", "settle", "finish"] },
    // arguments are compared with those that a fresh plan has, and never run
    args: { type: "object" },
  },
} as const;

const repeat = {
  type: "object",
  additionalProperties: false,
  required: ["node", "id", "body", "min", "max", "rule", "why"],
  properties: {
    node: { type: "string", const: "repeat" },
    id: text, why: text,
    body: { type: "array", items: step },
    min: { type: "integer", minimum: 0 },
    max: { type: "integer", minimum: 0 },
    rule: {
      type: "object", additionalProperties: false, required: ["downtimeSeconds", "overheadSeconds"],
      properties: { downtimeSeconds: seconds, overheadSeconds: seconds, firstSeconds: seconds },
    },
  },
} as const;

const binding = {
  type: "object", additionalProperties: false, required: ["what", "is"],
  properties: {
    what: text,
    is: { type: "object", additionalProperties: { type: ["string", "number", "boolean", "null"] } },
  },
} as const;

const forecast = {
  type: "object", additionalProperties: false, required: ["copyBytes", "seconds", "downtimeSeconds"],
  properties: { copyBytes: bytes, seconds, downtimeSeconds: seconds },
} as const;

const choice = {
  type: "object", additionalProperties: false, required: ["vdev", "strategy", "because", "against"],
  properties: {
    vdev: text, strategy: text, switch: text, because: texts, forecast,
    against: {
      type: "array",
      items: {
        type: "object", additionalProperties: false, required: ["strategy", "reasons"],
        properties: { strategy: text, switch: text, reasons: texts, forecast },
      },
    },
  },
} as const;

const estimate = {
  type: "object", additionalProperties: false,
  required: ["copyBytes", "seconds", "spaceNeeded", "downtimeSeconds", "budgetSeconds", "parts"],
  properties: {
    copyBytes: bytes, seconds, downtimeSeconds: seconds, budgetSeconds: seconds,
    spaceNeeded: {
      type: "array",
      items: {
        type: "object", additionalProperties: false, required: ["group", "bytes", "freeBytes"],
        properties: { group: text, bytes, freeBytes: bytes },
      },
    },
    parts: {
      type: "array",
      items: {
        type: "object", additionalProperties: false, required: ["what", "seconds", "how"],
        properties: { what: text, seconds, how: text },
      },
    },
  },
} as const;

/** What a run that has ended took. */
const pastRun = {
  type: "object", additionalProperties: false,
  required: ["domain", "shutdownSeconds", "startSeconds", "downtimeSeconds", "bytesPerSecond"],
  properties: {
    domain: text, strategy: text, switch: text,
    shutdownSeconds: seconds, startSeconds: seconds, downtimeSeconds: seconds, bytesPerSecond: bytes, restSeconds: seconds,
    memoryMiB: bytes, exchangeSeconds: seconds,
  },
} as const;

/** How a host is reached: Connection without its password. */
const connection = {
  type: "object", additionalProperties: false, required: ["kind", "address", "sshArguments"],
  properties: {
    kind: { type: "string", enum: ["ssh", "local", "recorded"] },
    address: text, user: text, privateKeyFile: text, factsFile: text,
    port: { type: "integer", minimum: 1, maximum: 65535 },
    sshArguments: texts,
    connectTimeoutSeconds: { type: "integer", minimum: 1 },
    become: {
      type: "object", additionalProperties: false, required: ["method", "user"],
      properties: { method: { type: "string", const: "sudo" }, user: text },
    },
  },
} as const;

/** The playbook's wishes for one guest, globs matched and templates filled in; places in files are left out. */
export const desiredSchema = {
  type: "object", additionalProperties: false, required: ["name", "disks", "move"],
  properties: {
    name: text,
    ready: savedReadySchema,
    move: savedMoveSchema,
    disks: {
      type: "array",
      items: {
        type: "object", additionalProperties: false, required: ["domain", "vdev", "volume", "move"],
        properties: {
          domain: text, vdev: text, volume: { type: "string", pattern: "^[^/]+/[^/]+$" }, bytes, sizeText: text,
          filesystem: { type: "string", enum: ["ext2", "ext3", "ext4", "xfs", "swap"] },
          move: savedMoveSchema,
        },
      },
    },
  },
} as const;

export const savedPlanSchema = {
  type: "object",
  additionalProperties: false,
  required: ["format", "version", "tool", "playbooks", "batches", "hosts", "digest"],
  properties: {
    format: { type: "string", const: "converge-plan" },
    version: { type: "integer" },
    tool: text,
    playbooks: texts,
    batches: {
      type: "array",
      items: {
        type: "object", additionalProperties: false, required: ["hosts", "maxFailPercent"],
        properties: {
          hosts: texts,
          maxFailPercent: { type: "number", minimum: 0, maximum: 100 },
        },
      },
    },
    hosts: {
      type: "array",
      items: {
        type: "object", additionalProperties: false, required: ["host", "connection", "history", "desired", "domains"],
        properties: {
          host: text,
          connection,
          history: { type: "array", items: pastRun },
          desired: { type: "array", items: desiredSchema },
          domains: {
            type: "array",
            items: {
              type: "object", additionalProperties: false,
              required: ["domain", "digest", "nodes", "bindings", "choices", "estimate"],
              properties: {
                domain: text, digest: text,
                nodes: {
                  type: "array",
                  items: {
                    type: "object", required: ["node"],
                    if: { type: "object", properties: { node: { const: "repeat" } } }, then: repeat, else: step,
                  },
                },
                bindings: { type: "array", items: binding },
                choices: { type: "array", items: choice },
                estimate,
              },
            },
          },
        },
      },
    },
    digest: { type: "string", pattern: "^[0-9a-f]{64}$" },
  },
} as const;
