// node send.js '{"host": ..., "port": ..., "secure": ..., "ca": ..., "user": ..., "pass": ...}'
const fs = require("node:fs");
const nodemailer = require("nodemailer");

const given = JSON.parse(process.argv[2]);
const transport = nodemailer.createTransport({
  host: given.host,
  port: given.port,
  secure: given.secure,
  requireTLS: !given.secure,
  tls: { ca: fs.readFileSync(given.ca), minVersion: "TLSv1.2" },
  auth: { user: given.user, pass: given.pass },
});

transport
  .sendMail({
    from: "Ann Example <ann@example.com>",
    to: "you@example.com",
    subject: "From nodemailer: grüße",
    text: "Sent by nodemailer.\n.\n",
    html: "<p>Sent by <b>nodemailer</b>.</p>",
    attachments: [{ filename: "data.txt", content: "some data" }],
  })
  .then((info) => console.log(info.response))
  .catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
