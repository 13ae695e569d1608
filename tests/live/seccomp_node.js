// SPDX-License-Identifier: MIT
// What node programs do, for seccomp_programs.sh: prints "finished" if the filter let it.
'use strict';
const assert = require('assert');
const { exec, execSync, fork, spawn, spawnSync } = require('child_process');
const crypto = require('crypto');
const dns = require('dns');
const fs = require('fs');
const http = require('http');
const net = require('net');
const os = require('os');
const { Worker, isMainThread, parentPort } = require('worker_threads');
const zlib = require('zlib');

const once = (thing, event) => new Promise((resolve) => thing.once(event, resolve));

function files() {
	fs.writeFileSync('a', 'b');
	fs.copyFileSync('a', 'c');
	fs.cpSync('a', 'e');
	fs.renameSync('c', 'd');
	assert.strictEqual(fs.readFileSync('d', 'utf8'), 'b');
	fs.mkdirSync('x/y/z', { recursive: true });
	fs.rmSync('x', { recursive: true });
	fs.symlinkSync('a', 'l');
	fs.readlinkSync('l');
	assert(fs.lstatSync('l').isSymbolicLink());
	assert(fs.statSync('l').isFile());
	fs.linkSync('a', 'h');
	fs.chmodSync('a', 0o600);
	fs.utimesSync('a', 1, 1);
	fs.lutimesSync('l', 1, 1);
	fs.accessSync('a');
	fs.truncateSync('a', 0);
	fs.readdirSync('.');
	fs.mkdtempSync('t');
	fs.statfsSync('.');
	fs.realpathSync('l');
	const fd = fs.openSync('q', 'w+');
	fs.writevSync(fd, [Buffer.from('a'), Buffer.from('b')]);
	fs.fsyncSync(fd);
	fs.fdatasyncSync(fd);
	fs.futimesSync(fd, 1, 1);
	fs.closeSync(fd);
}

async function sockets() {
	const unix = net.createServer((c) => c.end()).listen('u.sock');
	await once(unix, 'listening');
	await once(net.connect('u.sock').resume(), 'end');
	unix.close();
	const server = http.createServer((_, res) => res.end('x')).listen(0, '127.0.0.1');
	const ready = await Promise.race([once(server, 'listening').then(() => true),
		once(server, 'error').then(() => false)]);
	if (!ready)
		return;
	const request = http.get({ host: '127.0.0.1', port: server.address().port });
	const res = await once(request, 'response');
	await once(res.resume(), 'end');
	server.close();
}

async function main() {
	await once(new Worker(__filename), 'message');
	assert.strictEqual(execSync('echo hi').toString(), 'hi\n');
	assert.strictEqual(spawnSync('false').status, 1);
	await new Promise((resolve) => exec('true', resolve));
	const cat = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
	cat.stdin.end('x');
	await once(cat, 'close');
	const child = fork(__filename, ['child']);
	assert.strictEqual(await once(child, 'message'), 'hello');
	files();
	await fs.promises.writeFile('p', '1');
	await fs.promises.rm('p');
	await sockets();
	await new Promise((resolve) => dns.lookup('localhost', resolve));
	os.cpus();
	os.hostname();
	assert(os.totalmem() > 0 && os.availableParallelism() > 0);
	process.memoryUsage();
	process.resourceUsage();
	process.title = 'x';
	zlib.gzipSync('x');
	crypto.randomBytes(4);
	await new Promise((resolve) => crypto.pbkdf2('a', 'b', 10, 10, 'sha1', resolve));
	new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
	const heap = [];
	for (let i = 0; i < 2e6; i++)
		heap.push({ i });
	console.log('finished');
}

if (!isMainThread) {
	parentPort.postMessage(1);
} else if (process.argv[2] === 'child') {
	process.send('hello');
	process.disconnect();
} else {
	main();
}
