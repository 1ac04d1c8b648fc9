import type { FromSchema } from "json-schema-to-ts";
import { ADJUSTABLE } from "./adjustable.js";
import { rules } from "./rules/registry.js";

/** The JSON Schema of converge.config.yml: the one place that says what may stand in one. */

/** A bare `off` is `false` in YAML as it is read here, and means what it says. */
const level = {
  type: ["string", "boolean"], title: "a severity", enum: ["error", "warning", "note", "off", false], examples: ["warning"],
} as const;

const levels = {
  type: "object",
  title: "rules",
  description: "What findings count as, by the rule's name. `error` fails the lint, `off` silences the rule.",
  additionalProperties: level,
} as const;

const override = {
  type: "object",
  title: "override",
  description: "Other severities for some files.",
  additionalProperties: false,
  required: ["files", "rules"],
  properties: {
    files: {
      type: ["string", "array"], title: "globs", items: { type: "string", title: "a glob" }, minLength: 1, minItems: 1,
      examples: ["playbooks/old/**"],
      description: "Globs over paths, seen from the folder of this config: `*` within a folder, `**` across folders.",
    },
    rules: levels,
  },
} as const;

const lint = {
  type: "object",
  title: "lint",
  description: "What `converge lint` makes of what it finds.",
  additionalProperties: false,
  properties: {
    ignore: {
      type: "array", title: "ignore", items: { type: "string", title: "a glob" }, examples: [["vendor/**"]],
      description: "Files that are not linted when a folder is; globs, seen from the folder of this config.",
    },
    rules: levels,
    overrides: {
      type: "array", title: "overrides", items: override,
      description: "Severities per path; of several that mean a file the last wins.",
    },
  },
} as const;

const inventory = {
  type: "array",
  title: "inventory",
  items: {
    type: ["string", "array"], title: "an inventory", items: { type: "string", title: "a source" }, minLength: 1, minItems: 1,
    description: "A file or folder, or a list of them that are read together, as several -i are.",
  },
  examples: [["inventory/production"]],
  description: "The inventories that playbooks are linted with, each by itself. Paths are seen from the folder of " +
    "this config. Not given: every inventory that is found beside the playbooks.",
} as const;

export const configSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "config",
  description: "converge.config.yml: it is looked for in the folder of a file, and in the folders above it.",
  type: ["object", "null"],
  additionalProperties: false,
  properties: { inventory, lint },
} as const;

export type ConfigData = FromSchema<typeof configSchema>;

/** The schema with every rule by its name, for editors: converge itself says more of a name that it does not know. */
export function configSchemaForEditors(): unknown {
  const about = [...Object.values(rules).map((rule) => [rule.name, `${rule.about} Default: ${rule.severity}.`] as const), ...ADJUSTABLE];
  const named = {
    ...levels, additionalProperties: false,
    properties: Object.fromEntries(about.map(([name, description]) => [name, { ...level, description }])),
  };
  const overrides = { ...lint.properties.overrides, items: { ...override, properties: { ...override.properties, rules: named } } };
  return {
    ...configSchema,
    properties: { inventory, lint: { ...lint, properties: { ...lint.properties, rules: named, overrides } } },
  };
}
