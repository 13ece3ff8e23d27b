// A device on the vendor's Node device SDK that knows its product's secret only. Arguments: URL to register at, MQTT
// address, ProductKey, DeviceName, ProductSecret. It registers, logs in with the secret it got, and tells each step as a
// JSON line; it leaves when its input ends.
'use strict';

const path = require('path');
const sdk = require(path.join(__dirname, '..', 'node', 'node_modules', 'alibabacloud-iot-device-sdk'));

const [registerURL, address, productKey, deviceName, productSecret] = process.argv.slice(2);

function tell(event, details) {
  process.stdout.write(JSON.stringify({event, ...details}) + '\n');
}

process.stdin.on('end', () => process.exit(0));
process.stdin.resume();

sdk.register({productKey, productSecret, deviceName, registerURL}, ({code, message, data}) => {
  tell('registered', {code, message, data});
  if (code !== 200) return;
  const device = sdk.device({productKey, deviceName, deviceSecret: data.deviceSecret, brokerUrl: `mqtt://${address}`});
  device.on('connect', () => tell('connected', {}));
  device.on('error', (error) => tell('failed', {text: String(error)}));
});
