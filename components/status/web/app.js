import { announce } from './dom.js';
import { homeView } from './home.js';
import { Jobs } from './jobs.js';
import { server } from './server.js';

const PHOTO = /\.(jpe?g|png|webp|heic)$/i;
const PIPELINES = { import: 'csv_import', scan: 'ai_scan' };
const SAMPLES = [
	['import', '/sandbox/library.csv', 'Try the sample library'],
	['scan', '/sandbox/shelf.jpg', 'Try the sample shelf'],
];

// Without an answer the page starts all the same: it is the server's limits that count.
const { features = {}, limits = {} } = await server.capabilities().catch(() => ({}));
const jobs = new Jobs(limits);
const uploads = [];
const samples = features.sandbox ? (await Promise.all(SAMPLES.map(offer))).filter(Boolean) : [];
let view;

/** A sample as a button, when the server has it. */
async function offer([kind, path, text]) {
	const { ok, body } = await fetch(path).catch(() => ({}));
	body?.cancel();
	const name = path.split('/').at(-1);
	const load = async () => [new File([await (await fetch(path)).blob()], name)];
	return ok && { text, run: () => start([pending(kind, name, load)]) };
}

/** Makes a scan of each handful of photos, and an import of everything else: what is no list, the server says. */
function take(files) {
	const photos = files.filter(({ type, name }) => type.startsWith('image/') || PHOTO.test(name));
	const started = files.filter((file) => !photos.includes(file)).map((file) => pending('import', file.name, () => [file]));
	while (photos.length) {
		const some = photos.splice(0, limits.maxPhotos ?? 5);
		started.push(pending('scan', some[1] ? `${some.length} photos` : some[0].name, () => some));
	}
	start(started);
}

function pending(kind, name, load) {
	// crypto.randomUUID is missing on plain http addresses.
	return { kind, name, load, key: crypto.getRandomValues(new Uint32Array(4)).join('-'), control: new AbortController() };
}

function start(started) {
	uploads.unshift(...started);
	if (location.hash.startsWith('#/jobs')) location.hash = '#/';
	for (const one of started) send(one, started.length === 1);
}

/** Sends what was taken, perhaps again: the key makes it the same job. */
async function send(pending, alone) {
	const { kind, load, key, name, control } = pending;
	const { signal } = control;
	const show = (error) => (Object.assign(pending, { error, sent: null }), view.refresh?.());
	const onProgress = (sent, total) => ((pending.sent = sent / total), view.refresh?.());
	show(null);
	try {
		const files = await load();
		const submission = kind === 'scan' ? { photos: files } : { csv: files[0], mapping: pending.mapping };
		if (kind === 'import' && !pending.reviewed && (await review(pending, submission))) return view.refresh?.();
		// Whether to send it again a person decides, who is told at once.
		const job = await server.submit(submission, { key, keepFailedPhotos: kind === 'scan', onProgress, resubmissions: 0, signal });
		uploads.splice(uploads.indexOf(pending), 1);
		await jobs.add(job, { pipeline: PIPELINES[kind], name, files });
		announce(`${name}: started.`);
		// Whoever looks at another job by now is not pulled away from it.
		if (alone && view.refresh) location.hash = `#/jobs/${encodeURIComponent(job.id)}`;
		view.refresh?.();
	} catch (error) {
		show(error);
	}
}

/** Whether a person looks at how the file is read before it is imported; they end that themselves. */
async function review(pending, library) {
	const { signal } = pending.control;
	const preview = await server.preview(library, { signal }).catch((error) => {
		// What is wrong with the file or the server the import itself says best.
		if (signal.aborted || pending.preview) throw error;
	});
	// A later choice, or the import, has overtaken this answer.
	if (pending.reviewed || pending.mapping !== library.mapping) return true;
	const { preview: shown } = pending;
	if (!shown && !(preview?.uncertain && preview.reading)) return false;
	pending.preview = preview.reading ? preview : { ...shown, failure: preview.failure };
	announce(`${pending.name}: ${preview.failure?.userMessage ?? 'please look whether the columns were understood.'}`);
	return true;
}

/** A person says what a column is, and sees what comes of it. */
function choose(pending, column, field) {
	pending.mapping = { ...pending.mapping, [column]: field };
	send(pending);
}

/** A person has looked. */
function go(pending) {
	pending.reviewed = true;
	pending.preview = null;
	send(pending, true);
}

function dismiss(pending) {
	pending.control.abort();
	uploads.splice(uploads.indexOf(pending), 1);
	view.refresh();
}

/** The name that an address holds; an address that no browser writes is a name as it stands. */
function named(id) {
	try {
		return decodeURIComponent(id);
	} catch {
		return id;
	}
}

/** What a job did not find is tried again by a new one. */
async function retry({ record, pipeline }, only) {
	const job = await server.retry(record, { only });
	await jobs.add(job, { pipeline, name: record.name });
	location.hash = `#/jobs/${encodeURIComponent(job.id)}`;
}

async function route() {
	const { hash } = location;
	const id = hash.match(/^#\/jobs\/(.+)$/)?.[1];
	// Fetched when a job is looked at: the first page is light without it.
	const operator = hash.match(/^#\/operator(?:\/(.+))?$/);
	const operating = operator && (await import('./operator.js'));
	const [page, job] = id ? await Promise.all([import('./job-view.js'), jobs.open(named(id))]) : [];
	if (location.hash !== hash) return;
	view?.close();
	view = operating ? operating.operatorView(operator[1] && named(operator[1])) : page ? page.jobView(job, take, retry) : homeView(jobs, { uploads, samples, limits, features, take, send, dismiss, choose, go });
	document.querySelector('main').replaceChildren(view.element);
}

addEventListener('hashchange', async () => {
	await route();
	scrollTo(0, 0);
	// A screen reader goes on from the heading of the new page.
	document.querySelector('h1').focus({ preventScroll: true });
});
// Only whoever goes by keyboard is shown where a new page's heading has the focus.
addEventListener('keydown', () => document.documentElement.classList.add('by-keyboard'));
addEventListener('pointerdown', () => document.documentElement.classList.remove('by-keyboard'));
// A dead connection can look open for minutes: what the system knows first is believed.
for (const change of ['online', 'offline']) addEventListener(change, () => jobs.reconnect());
for (const name of ['dragover', 'dragleave', 'drop']) {
	addEventListener(name, (event) => {
		event.preventDefault();
		document.body.classList.toggle('dragging', name === 'dragover');
		if (name === 'drop') take([...event.dataTransfer.files]);
	});
}
document.getElementById('sandbox').hidden = !features.sandbox;
await jobs.resume();
route();
