/**
 * h('p.fine', {title}, 'text', element): attributes are optional, "on…" functions become listeners, false and null nothing.
 * Strings become text nodes: nothing from a server or a file is ever read as markup.
 */
export function h(selector, ...parts) {
	const [tag, ...classes] = selector.split('.');
	const element = document.createElement(tag);
	element.className = classes.join(' ');
	if (tag === 'button') element.type = 'button';
	return fill(element, parts);
}

export function svg(tag, ...parts) {
	return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), parts);
}

function fill(element, parts) {
	const [first] = parts;
	if (first && Object.getPrototypeOf(first) === Object.prototype) {
		for (const [name, value] of Object.entries(parts.shift())) {
			if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
			else if (value != null && value !== false) element.setAttribute(name, value === true ? '' : value);
		}
	}
	element.append(...parts.flat().filter((part) => part || part === 0));
	return element;
}

/** Leaves equal text alone: rewriting it disturbs selections and screen readers. */
export function setText(element, text) {
	if (element.textContent !== String(text)) element.textContent = text;
}

/** Tells screen readers. */
export const announce = (sentence) => setText(document.getElementById('live'), sentence);

/** Collapses calls into one per frame; hidden pages get no frames, so a timer stands in. */
export function coalesce(work) {
	let due = false;
	const run = () => ((due = false), work());
	return () => {
		if (due) return;
		due = true;
		if (document.hidden) setTimeout(run, 500);
		else requestAnimationFrame(run);
	};
}
