import { moveSchema } from "../load/schema/playbook.js";
import type { MoveOptions } from "../model/desired.js";

/**
 * How a wish says that disks are to be moved, and that a guest is ready, as it lies in a saved plan or on a host. Another
 * version may know words that this one does not: a wish that holds one is none that can be carried out here.
 */

const seconds = { type: "number", minimum: 0 } as const;
/** What is waited for: as in a playbook there is no value for no limit. */
const limit = { type: "number", minimum: 1 } as const;
const flag = { type: "boolean" } as const;
const text = { type: "string" } as const;
const count = { type: "integer", minimum: 0 } as const;
const { strategy, source, verify, switch: switchOver, finish, passes, throttle } = moveSchema.properties;
const word = (key: { readonly enum: readonly string[] }): { readonly type: "string"; readonly enum: readonly string[] } =>
  ({ type: "string", enum: key.enum });

export const savedMoveSchema = {
  type: "object", additionalProperties: false,
  properties: {
    strategy: word(strategy), source: word(source), verify: word(verify), switch: word(switchOver), finish: word(finish),
    window: {
      type: "object", additionalProperties: false, required: ["text", "spans"],
      properties: {
        text,
        spans: {
          type: "array", minItems: 1,
          items: { type: "object", additionalProperties: false, required: ["start", "minutes"], properties: { start: count, minutes: count } },
        },
      },
    },
    downtimeSeconds: seconds, keepForSeconds: seconds, shutdownTimeoutSeconds: limit, rehearseTimeoutSeconds: limit,
    offline: flag, destroy: flag, rehearse: flag, rehearseConsole: text,
    passes: { type: "integer", minimum: passes.minimum, maximum: passes.maximum },
    throttle: {
      type: "object", additionalProperties: false,
      properties: {
        nice: count, ionice: word(throttle.properties.ionice), bandwidthBytesPerSecond: seconds, ioWeight: count,
      },
    },
    snapshot: {
      type: "object", additionalProperties: false,
      properties: { size: { type: "object", additionalProperties: false, properties: { percent: seconds, bytes: seconds }, minProperties: 1, maxProperties: 1 } },
    },
  } satisfies Readonly<Record<keyof MoveOptions, object>>,
} as const;

export const savedReadySchema = {
  type: "object", required: ["kind", "timeoutSeconds"], additionalProperties: false,
  properties: {
    kind: { type: "string", enum: ["tcp", "command"] }, timeoutSeconds: limit, port: count, address: text,
    command: { type: "array", minItems: 1, items: text },
  },
  if: { type: "object", properties: { kind: { type: "string", const: "tcp" } } },
  then: { type: "object", required: ["port"], properties: { port: count } },
  else: { type: "object", required: ["command"], properties: { command: { type: "array" } } },
} as const;
