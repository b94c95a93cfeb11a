#!/usr/bin/env node
// Prints the verdicts that server.mjs has collected in a file, one line for each scenario:
//
//   node table.mjs FILE
import { readFileSync } from 'node:fs';

const verdicts = readFileSync(process.argv[2], 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const clients = [...new Set(verdicts.map(({ client }) => client))];
const passed = new Map(verdicts.map(({ client, name, passed }) => [`${client} ${name}`, passed ? 'passed' : 'FAILED']));
const names = [...new Set(verdicts.map(({ name }) => name))];
console.log(`| scenario | ${clients.join(' | ')} |\n|---|${'---|'.repeat(clients.length)}`);
for (const name of names) console.log(`| ${name} | ${clients.map((client) => passed.get(`${client} ${name}`) ?? 'not played').join(' | ')} |`);
const sums = clients.map((client) => verdicts.filter((one) => one.client === client && one.passed).length);
console.log(`| ${names.length} in all | ${sums.join(' | ')} |`);
