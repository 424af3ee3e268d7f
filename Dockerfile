# Two images: durabatch (worker, starter, local) and azurite, the storage
# emulator at the version that the local stack runs.

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /out/ ./worker ./starter ./local

FROM node:20.20.2-bookworm-slim AS azurite
WORKDIR /azurite
COPY tools/azurite/package.json tools/azurite/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund && mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 10000
ENTRYPOINT ["node", "node_modules/azurite/dist/src/blob/main.js"]
# Without --silent, the access log would hold SAS signatures.
CMD ["--location", "/data", "--blobHost", "0.0.0.0", "--blobPort", "10000", "--blobKeepAliveTimeout", "120", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]

FROM debian:bookworm-20260824-slim AS durabatch
# Tasks run with bash, which is here; what else they need, a start task installs.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home durabatch \
    && mkdir /data
COPY --from=build /out/ /usr/local/bin/
USER durabatch
CMD ["worker"]
