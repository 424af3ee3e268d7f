const { BatchServiceClient, BatchSharedKeyCredentials } = require("@azure/batch");

const credentials = new BatchSharedKeyCredentials(
  process.env.AZURE_BATCH_ACCOUNT_NAME,
  process.env.AZURE_BATCH_ACCOUNT_KEY, // base64
);
const client = new BatchServiceClient(credentials, process.env.AZURE_BATCH_ENDPOINT); // http://127.0.0.1:10500

module.exports = { client };
