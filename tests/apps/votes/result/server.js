// Shows what was counted.
const http = require('http');
const tally = require('tally');

const store = process.env.RESULTS_STORE || 'http://localhost:7000';
const port = process.env.PORT || 4000;

http.createServer((request, response) => {
  http.get(store + '/counts', (answer) => {
    let text = '';
    answer.on('data', (part) => { text += part; });
    answer.on('end', () => {
      const counts = JSON.parse(text);
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ counts, all: tally.sum(counts) }));
    });
  }).on('error', (error) => {
    response.statusCode = 502;
    response.end(String(error));
  });
}).listen(port);
