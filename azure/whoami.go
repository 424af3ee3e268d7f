package azure

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// The scopes of tokens for the two services.
const (
	BatchScope   = "https://batch.core.windows.net//.default"
	StorageScope = "https://storage.azure.com/.default"
)

// WhoAmI signs in with Entra ID as the clients do and says who that is: a
// name or an application's id, as the token tells it.
func WhoAmI(ctx context.Context, scope string) (string, error) {
	cred, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: clientOptions(Config{}, "Entra ID")})
	if err != nil {
		return "", err
	}
	token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
	if err != nil {
		return "", err
	}
	return subjectOf(token.Token), nil
}

// subjectOf reads the claims of a token, which it does not have to trust: they
// are only told to whoever has the token.
func subjectOf(token string) string {
	var claims struct {
		Name  string `json:"upn"`
		Other string `json:"unique_name"`
		App   string `json:"appid"`
		ID    string `json:"oid"`
	}
	parts := strings.Split(token, ".")
	if len(parts) == 3 {
		if text, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(text, &claims)
		}
	}
	switch {
	case claims.Name != "":
		return claims.Name
	case claims.Other != "":
		return claims.Other
	case claims.App != "":
		return fmt.Sprintf("application %s (object %s)", claims.App, claims.ID)
	}
	return "somebody whose token does not tell"
}

// Skew is how far this machine's clock is ahead of a service's, by the Date of
// an answer that took so long; false where the answer has none.
func Skew(date string, asked, answered time.Time) (time.Duration, bool) {
	theirs, err := time.Parse(time.RFC1123, date)
	if err != nil {
		return 0, false
	}
	ours := asked.Add(answered.Sub(asked) / 2)
	return ours.Sub(theirs.Add(500 * time.Millisecond)), true // the date has whole seconds
}
