// Carries calls through the vendor's pop-core client (HMAC-SHA1, GET), with the packages of tests/clients/node.
// Arguments: endpoint, AccessKey, secret, the key's token if it has one. Answers one JSON line for each on its input.
'use strict';

const path = require('path');
const readline = require('readline');
const modules = path.join(__dirname, '..', 'node', 'node_modules');
const {RPCClient} = require(path.join(modules, '@alicloud', 'pop-core'));

const [endpoint, accessKeyId, accessKeySecret, securityToken] = process.argv.slice(2);
const client = new RPCClient({
  endpoint: `http://${endpoint}`, apiVersion: '2018-01-20', accessKeyId, accessKeySecret, securityToken,
});

async function call({action, parameters}) {
  try {
    return {answer: await client.request(action, parameters, {method: 'GET', timeout: 60000})};
  } catch (error) {
    if (!error.data) throw error;
    // The client also throws for business errors, which have a code but answer HTTP 200.
    if (error.data.Success === false) return {answer: error.data};
    return {error: {code: error.code, message: error.data.Message, status: null}};
  }
}

(async () => {
  for await (const line of readline.createInterface({input: process.stdin})) {
    process.stdout.write(JSON.stringify(await call(JSON.parse(line))) + '\n');
  }
})();
