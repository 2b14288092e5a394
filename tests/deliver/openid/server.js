// An OpenID provider on loopback with certificates it is given; prints its issuer when it listens.
import fs from 'node:fs';
import https from 'node:https';
import Provider from 'oidc-provider';

const { key, cert, prefix, redirect } = JSON.parse(process.argv[2]);
const mailScopes =
  'mail.send https://outlook.office365.com/.default https://outlook.office.com/SMTP.Send';

const client = (id, method, grants, more = {}) => ({
  client_id: id,
  ...(method === 'none' ? {} : { client_secret: 'a secret of 32 characters, & more' }),
  token_endpoint_auth_method: method,
  grant_types: grants,
  response_types: [],
  redirect_uris: [],
  application_type: 'native',
  ...more,
});
const page = { response_types: ['code'], redirect_uris: [redirect] };

const configuration = {
  clients: [
    client('basic', 'client_secret_basic', ['client_credentials']),
    client('post', 'client_secret_post', ['client_credentials']),
    client('device', 'none', ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token']),
    client('page', 'none', ['authorization_code', 'refresh_token'], page),
  ],
  cookies: { keys: ['only for tests'] },
  scopes: ['openid', 'offline_access', 'profile'],
  issueRefreshToken: () => true,
  extraTokenClaims: (ctx, token) =>
    token.kind === 'ClientCredentials' ? { roles: ['SMTP.SendAsApp'] } : {},
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'https://smtp.example.com',
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: mailScopes,
        audience: 'https://smtp.example.com',
        accessTokenFormat: 'jwt',
        accessTokenTTL: 3600,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
};

const server = https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) });
server.listen(0, '127.0.0.1', () => {
  const issuer = `https://localhost:${server.address().port}${prefix}`;
  const answer = new Provider(issuer, configuration).callback();
  server.on('request', (request, response) => {
    request.originalUrl = request.url;
    request.url = request.url.startsWith(prefix) ? request.url.slice(prefix.length) : request.url;
    answer(request, response);
  });
  console.log(issuer);
});
process.stdin.on('end', () => process.exit(0)).resume(); // whoever started it has gone
