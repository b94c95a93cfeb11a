// The OpenAPI description, as foreign tools read it: a linter finds no error, and the types that are generated from it
// compile under the strictest rules.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DESCRIPTION = fileURLToPath(new URL('../../crates/api/openapi.json', import.meta.url));
const tool = (name) => fileURLToPath(new URL(`node_modules/.bin/${name}`, import.meta.url));

test('a linter finds no error, and no example that its schema refuses', async () => {
	const lint = run(tool('redocly'), ['lint', DESCRIPTION, '--extends', 'recommended', '--format', 'json'], {
		maxBuffer: 64 << 20,
		env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
	});
	const { stdout } = await lint.catch((failure) => failure);
	const { problems } = JSON.parse(stdout);
	const errors = problems.filter(({ severity, ruleId }) => severity === 'error' || ruleId === 'no-invalid-media-type-examples');
	assert.deepEqual(errors.map(({ ruleId, location }) => `${ruleId} at ${location[0].pointer}`), []);
});

test('types for TypeScript are generated, and compile strictly', async () => {
	const directory = await mkdtemp(join(tmpdir(), 'bookstrack-'));
	try {
		await run(tool('openapi-typescript'), [DESCRIPTION, '--output', join(directory, 'schema.d.ts')]);
		await writeFile(join(directory, 'use.ts'), USE);
		await writeFile(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions: STRICT, files: ['use.ts'] }));
		await run(tool('tsc'), ['--project', directory]).catch((failure) => assert.fail(failure.stdout));
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
});

const STRICT = {
	strict: true,
	exactOptionalPropertyTypes: true,
	noUncheckedIndexedAccess: true,
	noEmit: true,
	target: 'es2022',
	module: 'es2022',
	moduleResolution: 'bundler',
	types: [],
};

/** Reads what a client reads most: a member that the generator drops does not compile. */
const USE = `
import type { paths } from './schema';

type Answer<P extends keyof paths, M extends keyof paths[P], S extends number> =
	paths[P][M] extends { responses: infer R } ? S extends keyof R ? R[S] extends { content: { 'application/json': infer B } } ? B : never : never : never;

declare const accepted: Answer<'/api/v2/imports', 'post', 202>;
declare const status: Answer<'/api/v2/imports/{jobId}', 'get', 200>;
declare const results: Answer<'/api/v2/imports/{jobId}/results', 'get', 200>;
declare const scan: Answer<'/scan/status/{jobId}', 'get', 200>;

export const name: string = accepted.data.jobId;
export const progress: number = status.data.progress;
export const books: readonly { title: string }[] = results.data.books;
export const found: readonly { title: string }[] | undefined = scan.result?.books;
`;
