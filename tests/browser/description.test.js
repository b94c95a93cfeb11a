import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';

test('a foreign reader finds the description valid', async () => {
	const file = new URL('../../crates/api/openapi.json', import.meta.url);
	const validator = new Validator();
	const { valid, errors } = await validator.validate(JSON.parse(await readFile(file, 'utf8')));
	assert.ok(valid, JSON.stringify(errors));
	assert.equal(validator.version, '3.1');
});
