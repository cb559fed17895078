// An npm smtp-server that accepts every message and drops it.
// Binds a free port of 127.0.0.1, prints it, then `ready`.
'use strict';

const { SMTPServer } = require('smtp-server');

const server = new SMTPServer({
    name: 'smtp-server.example',
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    // No name server is asked: the other peers do not look the client up either.
    disableReverseLookup: true,
    logger: false,
    onData(stream, session, callback) {
        stream.on('end', () => callback());
        stream.resume();
    },
});

server.on('error', (error) => {
    // A client that leaves without QUIT is no failure of the server.
    if (server.server.listening) return;
    console.error(error.message);
    process.exit(1);
});

const listener = server.listen(0, '127.0.0.1', () => {
    const { address, port } = listener.address();
    console.log(`listening smtp ${address}:${port}`);
    console.log('ready');
});
