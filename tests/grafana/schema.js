// Makes tests/data/dashboard.schema.json anew, from dashboard.ts and Grafana's types.
import { readFileSync, writeFileSync } from 'node:fs';
import { createGenerator } from 'ts-json-schema-generator';

const here = (path) => new URL(path, import.meta.url).pathname;
const { version } = JSON.parse(readFileSync(here('node_modules/@grafana/schema/package.json')));
const options = { path: here('dashboard.ts'), tsconfig: here('tsconfig.json'), type: 'Root', jsDoc: 'none', expose: 'none', topRef: false };
const { definitions: _, ...schema } = createGenerator(options).createSchema('Root');
const description = `What deploy/monitoring/dashboard.json may hold: the types of @grafana/schema ${version}, by tests/grafana.`;
writeFileSync(here('../data/dashboard.schema.json'), `${JSON.stringify({ description, ...schema }, null, 1)}\n`);
