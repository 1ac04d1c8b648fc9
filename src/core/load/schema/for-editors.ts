import { isMap } from "../document.js";
import { playbookSchema } from "./playbook.js";

/**
 * The playbook's schema as an editor needs it: where a number, a map, a switch or one of several words is expected,
 * a template is fine too. (converge itself checks with the strict schema, once the templates are filled in.)
 */
export function playbookSchemaForEditors(): unknown {
  return permitTemplates(playbookSchema);
}

function permitsText(type: unknown): boolean {
  return type === "string" || (Array.isArray(type) && type.includes("string"));
}

function permitTemplates(schema: unknown): unknown {
  if (!isMap(schema)) return schema;
  const copy: Record<string, unknown> = { ...schema };
  if (isMap(copy["properties"])) {
    copy["properties"] = Object.fromEntries(
      Object.entries(copy["properties"]).map(([key, value]) => [key, permitTemplates(value)]),
    );
  }
  for (const key of ["items", "additionalProperties"]) if (key in copy) copy[key] = permitTemplates(copy[key]);
  if (copy["title"] === "playbook" || copy["title"] === "play") return copy;
  const restricted = ["pattern", "enum", "minimum"].some((key) => key in copy) || !permitsText(copy["type"]);
  if (!restricted) return copy;
  const { description, title, examples, ...rest } = copy;
  return {
    ...(title === undefined ? {} : { title }), ...(description === undefined ? {} : { description }),
    ...(examples === undefined ? {} : { examples }),
    anyOf: [rest, { type: "string", pattern: "\\{\\{" }],
  };
}
