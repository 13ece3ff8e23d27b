// A device on the vendor's Node device SDK, which has no update of its own: this is what an application adds to it.
// Arguments: MQTT address, ProductKey, DeviceName, DeviceSecret, version, file to download to; behind them, when the
// device is a gateway, the ProductKey, DeviceName and DeviceSecret of the sub-device that is updated instead of it.
// It tells each step as a JSON line, and leaves when its input ends.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const path = require('path');
const sdk = require(path.join(__dirname, '..', 'node', 'node_modules', 'alibabacloud-iot-device-sdk'));

const [address, productKey, deviceName, deviceSecret, version, target, ...behind] = process.argv.slice(2);
const [subProductKey, subDeviceName, subDeviceSecret] = behind;
const updated = behind.length ? `${subProductKey}/${subDeviceName}` : `${productKey}/${deviceName}`;
const upgrade = `/ota/device/upgrade/${updated}`;
const device = (behind.length ? sdk.gateway : sdk.device)({
  productKey, deviceName, deviceSecret, brokerUrl: `mqtt://${address}`,
});

console.log = console.error; // the SDK complains there that the `id` of a notice is a number, and goes on

function tell(event, details) {
  process.stdout.write(JSON.stringify({event, ...details}) + '\n');
}

function say(purpose, params) {
  device.publish(`/ota/device/${purpose}/${updated}`, JSON.stringify({id: '1', params}), {qos: 1});
}

function listen() {
  device.subscribe(upgrade, {qos: 1}, (error, granted) => {
    tell('subscribed', {qos: error ? null : granted[0].qos});
    say('inform', {version});
  });
}

function install({url, md5, version: wanted}) {
  http.get(url, (response) => {
    const parts = [];
    response.on('data', (part) => parts.push(part));
    response.on('end', () => {
      const content = Buffer.concat(parts);
      fs.writeFileSync(target, content);
      const matches = crypto.createHash('md5').update(content).digest('hex') === md5;
      say('progress', {step: matches ? '100' : '-3', desc: ''});
      if (matches) say('inform', {version: wanted});
      tell('installed', {version: wanted, matches});
    });
  });
}

device.on('message', (topic, payload) => {
  if (topic === upgrade) install(JSON.parse(payload.toString()).data);
});
device.on('error', (error) => tell('failed', {text: String(error)}));
device.on('connect', () => {
  tell('connected', {});
  if (!behind.length) {
    listen();
    return;
  }
  const subdevice = {productKey: subProductKey, deviceName: subDeviceName, deviceSecret: subDeviceSecret};
  device.addTopo([{...subdevice}], (added) => {
    tell('added', {code: added.code, data: added.data});
    device.getTopo((listed) => {
      tell('listed', {code: listed.code, data: listed.data});
      const session = device.login({...subdevice}, (entered) => tell('entered', {code: entered.code, data: entered.data}));
      session.on('connect', listen);
    });
  });
});

process.stdin.on('end', () => {
  device.end();
  process.exit(0);
});
process.stdin.resume();
