import { Argument, Command } from "commander";
import { configSchemaForEditors } from "../../core/lint/config-schema.js";
import { playbookSchemaForEditors } from "../../core/load/schema/for-editors.js";
import { inventorySchema } from "../../core/load/schema/inventory.js";
import { lintReportSchema } from "../../core/render/lint-json.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT } from "./exit-code.js";
import type { Session } from "./session.js";

const SCHEMAS = {
  playbook: playbookSchemaForEditors,
  inventory: () => inventorySchema,
  config: configSchemaForEditors,
  "lint-report": () => lintReportSchema,
} as const;

const HELP = `
For an editor with the YAML language server, save it:
  mkdir -p .schemas && converge schema playbook > .schemas/playbook.json
and name it in the first line of a file, by its way from there:
  # yaml-language-server: $schema=../.schemas/playbook.json
See docs/guide/editors.md.
`;

/** `converge schema NAME`: JSON Schemas (draft-07) for editors and other programs. */
export function schemaCommand(session: Session, done: (exit: ExitCode) => void): Command {
  return new Command("schema")
    .description("Print a JSON Schema, for editors and other programs.")
    .addArgument(new Argument("<name>", "of what").choices(Object.keys(SCHEMAS)))
    .addHelpText("after", HELP)
    .action((name: keyof typeof SCHEMAS) => {
      session.console.out(`${JSON.stringify(SCHEMAS[name](), null, 2)}\n`);
      done(EXIT.done);
    });
}
