package azure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	testKey        = "c2VjcmV0IGtleSBvZiB0aGUgYWNjb3VudA=="
	testConnection = "DefaultEndpointsProtocol=https;AccountName=mystorage;AccountKey=" + testKey + ";EndpointSuffix=core.windows.net"
	testBatch      = "https://myaccount.westeurope.batch.azure.com"
	testBlob       = "https://mystorage.blob.core.windows.net"
)

func env(pairs ...string) func(string) string {
	values := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

func TestConfigFromEnv(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env  func(string) string
		want Config
	}{
		"keys": {
			env(EnvBatchEndpoint, testBatch+"/", EnvBatchAccountName, "myaccount", EnvBatchAccountKey, testKey+"\n", EnvStorageConnectionString, testConnection),
			Config{BatchEndpoint: testBatch, BatchAccountName: "myaccount", BatchAccountKey: testKey, StorageConnectionString: testConnection},
		},
		"Entra ID": {
			env(EnvBatchEndpoint, testBatch, EnvStorageBlobEndpoint, testBlob+"/"),
			Config{BatchEndpoint: testBatch, StorageBlobEndpoint: testBlob},
		},
		"one machine": {
			env(EnvBatchEndpoint, "http://127.0.0.1:8400", EnvBatchAccountName, "local", EnvBatchAccountKey, testKey,
				EnvStorageConnectionString, "AccountName=a;AccountKey="+testKey+";BlobEndpoint=http://localhost:10000/a"),
			Config{BatchEndpoint: "http://127.0.0.1:8400", BatchAccountName: "local", BatchAccountKey: testKey,
				StorageConnectionString: "AccountName=a;AccountKey=" + testKey + ";BlobEndpoint=http://localhost:10000/a"},
		},
		"Docker Compose": {
			env(EnvBatchEndpoint, "http://batch:8400", EnvBatchAccountName, "local", EnvBatchAccountKey, testKey,
				EnvStorageConnectionString, "AccountName=a;AccountKey="+testKey+";BlobEndpoint=http://azurite:10000/a"),
			Config{BatchEndpoint: "http://batch:8400", BatchAccountName: "local", BatchAccountKey: testKey,
				StorageConnectionString: "AccountName=a;AccountKey=" + testKey + ";BlobEndpoint=http://azurite:10000/a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ConfigFromEnv(test.env)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestConfigFromEnvNamesAllThatIsWrong(t *testing.T) {
	t.Parallel()
	good := []string{EnvBatchEndpoint, testBatch, EnvStorageConnectionString, testConnection}
	with := func(pairs ...string) func(string) string { return env(append(good[:len(good):len(good)], pairs...)...) }
	for name, test := range map[string]struct {
		env  func(string) string
		want []string
	}{
		"nothing is set":             {env(), []string{EnvBatchEndpoint + " is not set", "neither " + EnvStorageConnectionString + " nor " + EnvStorageBlobEndpoint}},
		"everything is wrong":        {env(EnvBatchEndpoint, "myaccount", EnvBatchAccountKey, "%%%", EnvStorageBlobEndpoint, "ftp://x"), []string{EnvBatchEndpoint + ": ", EnvBatchAccountKey + " is not valid base64", EnvBatchAccountName + " is not set", EnvStorageBlobEndpoint + ": "}},
		"no scheme":                  {with(EnvBatchEndpoint, "myaccount.westeurope.batch.azure.com"), []string{`is not a URL; it starts with https://`}},
		"a path":                     {with(EnvBatchEndpoint, testBatch+"/pools"), []string{"has a path"}},
		"a query":                    {with(EnvBatchEndpoint, testBatch+"?a=b"), []string{"leave the rest out"}},
		"http to the Internet":       {with(EnvBatchEndpoint, "http://myaccount.westeurope.batch.azure.com", EnvBatchAccountName, "a", EnvBatchAccountKey, testKey), []string{"use https"}},
		"http to an address":         {with(EnvBatchEndpoint, "http://10.0.0.1:80", EnvBatchAccountName, "a", EnvBatchAccountKey, testKey), []string{"use https"}},
		"http with a token":          {with(EnvBatchEndpoint, "http://127.0.0.1:80"), []string{"Entra ID needs https"}},
		"both kinds of storage":      {with(EnvStorageBlobEndpoint, testBlob), []string{"both set"}},
		"a string without a key":     {with(EnvStorageConnectionString, "AccountName=a"), []string{EnvStorageConnectionString + ": it needs AccountName and AccountKey"}},
		"a string with a SAS":        {with(EnvStorageConnectionString, "BlobEndpoint="+testBlob+";SharedAccessSignature=sv=1&sig=hush"), []string{"it needs AccountName and AccountKey"}},
		"a string with half a key":   {with(EnvStorageConnectionString, "AccountName=a;AccountKey=c2Vjc"), []string{"AccountKey is not whole"}},
		"no connection string":       {with(EnvStorageConnectionString, "hello"), []string{EnvStorageConnectionString + ": "}},
		"the emulator's short form":  {with(EnvStorageConnectionString, "UseDevelopmentStorage=true"), []string{"UseDevelopmentStorage=true is a shortcut"}},
		"http storage, the Internet": {with(EnvStorageConnectionString, strings.Replace(testConnection, "=https", "=http", 1)), []string{"use https"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ConfigFromEnv(test.env)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), testKey)
			require.NotContains(t, err.Error(), "hush")
		})
	}
}

func TestConfigNeverPrintsItsKeys(t *testing.T) {
	t.Parallel()
	c := Config{BatchEndpoint: testBatch, BatchAccountName: "myaccount", BatchAccountKey: testKey, StorageConnectionString: testConnection}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("starts", "config", c)
	slog.New(slog.NewTextHandler(&log, nil)).Info("starts", "config", c)
	asJSON, err := json.Marshal(c)
	require.NoError(t, err)
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c, c), fmt.Sprintf("%+v %#v", &c, struct{ C Config }{c}), log.String(), string(asJSON)} {
		require.NotContains(t, text, testKey)
		require.NotContains(t, text, "AccountKey=")
	}
	require.Equal(t, "Batch "+testBatch+" (account key), storage "+testBlob+" (account key)", c.String())
	require.Equal(t, "Batch "+testBatch+" (Entra ID), storage "+testBlob+" (Entra ID)", Config{BatchEndpoint: testBatch, StorageBlobEndpoint: testBlob}.String())
	require.Contains(t, log.String(), testBatch)
}
