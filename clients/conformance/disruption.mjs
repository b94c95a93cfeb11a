#!/usr/bin/env node
// An import of 300 books through a program of each client, over a line that is cut every 1.5 s, on a host that is killed
// three times. Each book must be told exactly once.
//
//   node disruption.mjs NAME COMMAND...      the command is given the server's address and the library
//
// It runs against target/release/host; BOOKSTRACK_HOST names another.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Server } from '../../tests/browser/server.js';

const BOOKS = 300;
const CUT_MS = 1500;
// The host dies after so many books.
const KILLS = [50, 130, 210];
const PATIENCE_MS = 180_000;

const [name, command, ...args] = process.argv.slice(2);
const directory = process.env.DISRUPTION_DIR ?? (await mkdtemp(join(tmpdir(), 'bookstrack-')));
const library = join(directory, `library-${name}.csv`);
// Rows of the sample library, none of which spans lines.
const sample = await readFile(new URL('../../tests/data/goodreads_library_export.csv', import.meta.url), 'utf8');
await writeFile(library, sample.split('\n').slice(0, BOOKS + 1).join('\n'));
await rm(`${library}.job`, { force: true });
const server = await Server.start({ delay: '1000ms', variables: { tuning: 'wave_items=10 remember_books=0', open_library_burst: 100, google_books_burst: 100 } });

/** A line to the host that loses all its connections again and again. */
const sockets = new Set();
let cuts = 0;
const line = net.createServer((socket) => {
	const upstream = net.connect(Number(new URL(server.url).port), '127.0.0.1');
	for (const [one, other] of [[socket, upstream], [upstream, socket]]) {
		sockets.add(one);
		one.pipe(other);
		one.on('error', () => {}).on('close', () => (sockets.delete(one), other.destroy()));
	}
}).listen(0, '127.0.0.1');
await once(line, 'listening');
const cutting = setInterval(() => {
	if (!sockets.size) return;
	cuts += 1;
	for (const socket of sockets) socket.resetAndDestroy();
}, CUT_MS);

const began = Date.now();
const told = [];
const ways = new Set();
const lines = [];
let kills = 0;
let busy = Promise.resolve();
const program = spawn(command, [...args, `http://127.0.0.1:${line.address().port}`, process.env.DISRUPTION_SEEN ? join(process.env.DISRUPTION_SEEN, `library-${name}.csv`) : library], { stdio: ['ignore', 'pipe', 'inherit'] });
const impatient = setTimeout(() => program.kill('SIGKILL'), PATIENCE_MS);
createInterface(program.stdout).on('line', (text) => {
	lines.push(text);
	const [, index] = text.match(/^  (\d+): /) ?? [];
	if (text.startsWith('by ')) ways.add(text.slice(3));
	if (!index) return;
	told.push(Number(index));
	if (!(told.length >= KILLS[kills])) return;
	kills += 1;
	busy = busy.then(async () => {
		await server.kill();
		await new Promise((resolve) => setTimeout(resolve, 300));
		await server.up();
	});
});
const [code] = await once(program, 'close');
clearTimeout(impatient);
clearInterval(cutting);
await busy;
line.close();
for (const socket of sockets) socket.destroy();
await server.stop();

const once300 = told.length === BOOKS && told.every((index, i) => index === i);
console.log(`${name}: ${told.length} books told, ${new Set(told).size} different, in order: ${once300}; ${cuts} cuts, ${kills} kills, by ${[...ways].join(' and ')}, ${((Date.now() - began) / 1000).toFixed(1)} s, exit ${code}`);
console.log(`  ${lines.at(-1)}`);
if (!once300 || code !== 0 || kills < KILLS.length || cuts < 3) {
	console.log(lines.slice(-20).join('\n'));
	process.exit(1);
}
process.exit(0);
