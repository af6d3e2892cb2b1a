# docker build -t heatvit . && docker run --rm heatvit --model deit-s --prune-rates 0.3,0.51,0.657
# docker run --rm -it --entrypoint python3 heatvit          (import heatvit)
FROM debian:12 AS build
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    g++ cmake ninja-build pkg-config git dpkg-dev file gzip python3 python3-dev pybind11-dev libsystemc-dev \
    libboost-program-options-dev libspdlog-dev nlohmann-json3-dev libjpeg62-turbo-dev libpng-dev libwebp-dev libtiff-dev libstb-dev \
    libjs-chart.js libsqlite3-dev libpagmo-dev
COPY . /source
WORKDIR /source
RUN cmake --preset package && cmake --build --preset package && cpack --config build/package/CPackConfig.cmake -B /packages

FROM debian:12-slim
COPY --from=build /packages/*.deb /tmp/
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /tmp/*.deb \
    && rm -rf /tmp/*.deb /var/lib/apt/lists/*
ENTRYPOINT ["run_sim"]
