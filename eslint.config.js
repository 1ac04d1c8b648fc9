import eslint from "@eslint/js";
import { createTypeScriptImportResolver } from "eslint-import-resolver-typescript";
import importX from "eslint-plugin-import-x";
import tseslint from "typescript-eslint";

const terminalOnly = ["chalk", "ora"].map((name) => ({
  name, message: "Only src/edge/terminal speaks to a terminal; everybody else is given a style.",
}));

export default tseslint.config(
  { ignores: ["dist/**", "node_modules/**", "coverage/**"] },
  eslint.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { "import-x": importX },
    settings: { "import-x/resolver-next": [createTypeScriptImportResolver({ alwaysTryTypes: true })] },
    rules: {
      "import-x/no-cycle": "error",
      "import-x/no-default-export": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-restricted-imports": ["error", { paths: terminalOnly }],
    },
  },
  {
    // The core is pure: it can be run anywhere, and a test needs no host, no clock and no file for it.
    files: ["src/core/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          paths: [...terminalOnly, { name: "execa", message: "The core runs nothing." }],
          patterns: [
            { group: ["node:*"], message: "The core is pure: effects are at the edge." },
            { group: ["**/edge/**"], message: "The core does not know the edge." },
          ],
        },
      ],
      "no-restricted-globals": ["error", "process", "Buffer", "setTimeout", "setInterval", "fetch", "console"],
      "no-restricted-properties": [
        "error",
        { object: "Date", property: "now", message: "The core has no clock." },
        { object: "Math", property: "random", message: "The core has no randomness." },
      ],
    },
  },
  { files: ["src/edge/terminal/**/*.ts"], rules: { "no-restricted-imports": "off" } },
  {
    // tools that ask for a default export
    files: ["*.config.{js,ts}"],
    rules: { "import-x/no-default-export": "off" },
  },
  { files: ["**/*.js", "*.config.ts"], ...tseslint.configs.disableTypeChecked },
);
