package azure

import (
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// The services, as Config.Throttled names them.
const (
	BatchService = "batch"
	BlobService  = "blob"
)

// throttleTeller tells of each answer that asks for fewer requests: 429 is
// Batch's, and 503 both Batch's and Blob's (Batch REST reference, status codes;
// Storage REST reference, ServerBusy). It sits below the retries, which would
// otherwise hide most of them.
type throttleTeller struct {
	service string
	tell    func(service string)
}

func (t throttleTeller) Do(request *policy.Request) (*http.Response, error) {
	response, err := request.Next()
	if response != nil && (response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable) {
		t.tell(t.service)
	}
	return response, err
}
