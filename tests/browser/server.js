import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HOST = process.env.BOOKSTRACK_HOST ?? join(ROOT, 'target/release/host');
// Compiling the components takes seconds: once is enough for all servers.
const COMPILED = join(ROOT, 'target/tmp/browser/compiled');
const SERVING = /^Serving \w+ on (http:\/\/[\d.]+:(\d+))/;

/** The application on a port of its own, with a store that outlives `kill`. */
export class Server {
	#args;
	#state;
	#variables;
	#process;
	#port = 0;

	/** `delay`: how long each answer of a catalogue takes. Without `sandbox` no catalogue can be reached. */
	static async start({ delay = '20ms', sandbox = true, variables = {} } = {}) {
		const server = new Server();
		server.#state = await mkdtemp(join(tmpdir(), 'bookstrack-'));
		await mkdir(COMPILED, { recursive: true });
		await symlink(COMPILED, join(server.#state, 'compiled'));
		server.#args = sandbox ? ['--sandbox', '--sandbox-delay', delay] : [];
		server.#variables = variables;
		await server.up();
		return server;
	}

	/** Starts it, again at the address that it had; with other variables, if there are. */
	async up(variables = this.#variables) {
		this.#variables = variables;
		const given = Object.entries({ contact: 'tests@example.org', ...variables }).flatMap(([name, value]) => ['--variable', `${name}=${value}`]);
		const args = ['up', '--no-build', '--listen', `127.0.0.1:${this.#port}`, '--state-dir', this.#state, ...this.#args, ...given];
		this.#process = spawn(HOST, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
		let complaints = '';
		this.#process.stderr.on('data', (data) => (complaints = (complaints + data).slice(-2000)));
		for await (const line of createInterface(this.#process.stdout)) {
			const [, url, port] = line.match(SERVING) ?? [];
			if (!url) continue;
			this.url = url;
			this.#port = port;
			this.#process.stdout.resume();
			return;
		}
		throw new Error(`${HOST} did not start: ${complaints}`);
	}

	/** As a power cut does. */
	async kill() {
		const gone = once(this.#process, 'exit');
		this.#process.kill('SIGKILL');
		await gone;
	}

	async stop() {
		await this.kill();
		await rm(this.#state, { recursive: true, force: true });
	}
}

/** Steps of 30 books, each of which takes a moment: an import that can be watched for some seconds. */
export const WATCHABLE = { delay: '400ms', variables: { tuning: 'wave_items=30 remember_books=0', open_library_burst: 100, google_books_burst: 100 } };

/** Nobody to ask about photos: the application reads the spines itself. */
export const WITHOUT_KEY = { variables: { gemini_api_key: '', openai_model: '' } };
