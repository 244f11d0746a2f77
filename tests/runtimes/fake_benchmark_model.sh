#!/bin/sh
# A stand-in for benchmark_model in tests: it computes nothing and measures nothing. It prints what the tool prints, in
# the form of recorded logs, so that the way from a request to a result can be tested where no such program is. A test
# copies it with other values for these settings:
behaviour=full      # full partial none refused silent crash killed hang flood missing_model too_new bad_text no_timings
flavour=tflite      # tflite or litert
without=            # flags that this "build" lacks, each between spaces
output_bytes=3      # what it writes to --output_filepath: the first bytes of the input
fails_at=           # with --input_layer_value_files: the first byte (as od prints it) of an input that makes it fail

flags='num_runs=50:int32 min_secs=1:float max_secs=150:float run_delay=-1:float num_threads=-1:int32
 warmup_runs=1:int32 warmup_min_secs=0.5:float report_peak_memory_footprint=false:bool graph=:string'
if [ "$flavour" = litert ]; then
    flags="$flags use_cpu=true:bool use_gpu=false:bool use_npu=false:bool require_full_delegation=false:bool
 dispatch_library_path=:string compiler_plugin_library_path=:string gpu_backend=:string gpu-precision=auto:string
 use_profiler=false:bool"
else
    flags="$flags input_layer=:string input_layer_shape=:string input_layer_value_files=:string output_filepath=:string
 enable_op_profiling=false:bool require_full_delegation=false:bool max_delegated_partitions=0:int32
 delegate_serialize_dir=:string delegate_serialize_token=:string use_xnnpack=false:bool xnnpack_force_fp16=false:bool
 use_gpu=false:bool gpu_precision_loss_allowed=true:bool gpu_experimental_enable_quant=true:bool
 gpu_inference_for_sustained_speed=false:bool gpu_backend=:string use_hexagon=false:bool
 hexagon_lib_path=/data/local/tmp:string use_nnapi=false:bool nnapi_accelerator_name=:string
 nnapi_execution_preference=:string nnapi_execution_priority=:string disable_nnapi_cpu=true:bool
 nnapi_allow_fp16=false:bool nnapi_use_burst_mode=false:bool external_delegate_path=:string
 external_delegate_options=:string"
fi

say() { printf '%s\n' "$1"; }
warn() { printf '%s\n' "$1" >&2; }
fail() {
    warn "ERROR: $1"
    warn 'ERROR: Benchmarking failed.'
    exit 1
}
knows() {
    case " $without " in *" $1 "*) return 1 ;; esac
    for one in $flags; do
        [ "${one%%=*}" = "$1" ] && return 0
    done
    return 1
}
usage() {
    warn "ERROR: usage: $0 <flags>"
    warn 'Flags:'
    for one in $flags; do
        name=${one%%=*} rest=${one#*=}
        knows "$name" && printf '\t--%s=%-20s\t%s\toptional\tas it says\n' "$name" "${rest%%:*}" "${rest#*:}" >&2
    done
    warn ''
    warn 'ERROR: Benchmarking failed.'
    exit 1
}

say 'INFO: STARTING!'
[ "${1:-}" = --help ] && [ "$flavour" = tflite ] && usage
delegate='' full=false input='' output='' profile=false peak=false unconsumed=''
for word in "$@"; do
    name=${word#--} value=${word#*=}
    name=${name%%=*}
    if ! knows "$name"; then
        unconsumed="$unconsumed $word"
        continue
    fi
    case $name=$value in
        graph=*) graph=$value ;;
        num_runs=*[!0-9]*)
            warn "ERROR: Failed to parse flag 'num_runs' against argv '$word'"
            usage
            ;;
        use_xnnpack=true) [ -n "$delegate" ] || delegate=XNNPACK ;;
        use_gpu=true) delegate=GPU ;;
        use_npu=true) delegate=NPU ;;
        use_hexagon=true) delegate=Hexagon ;;
        use_nnapi=true) delegate=NNAPI ;;
        external_delegate_path=*) delegate=EXTERNAL ;;
        require_full_delegation=true) full=true ;;
        enable_op_profiling=true) profile=true ;;
        report_peak_memory_footprint=true) peak=true ;;
        input_layer_value_files=*) input=${value##*:} ;;
        output_filepath=*) output=$value ;;
    esac
done
[ -z "$unconsumed" ] || { say "WARN: Unconsumed cmdline flags:$unconsumed" && delegate=''; }
say 'INFO: Log parameter values verbosely: [0]'
say "INFO: Graph: [$graph]"
case $behaviour in
    missing_model)
        warn "ERROR: Could not open '$graph'."
        warn 'ERROR: The model allocation is null/empty'
        fail "Failed to load model $graph"
        ;;
    crash) kill -SEGV $$ ;;
    killed) kill -KILL $$ ;;
    hang) exec sleep 1000 ;;
    flood) exec yes 'INFO: a line that is printed without end' ;;
esac
[ -r "$graph" ] || fail "Could not open '$graph'."
say "INFO: Loaded model $graph"
if [ "$behaviour" = too_new ]; then
    warn "ERROR: Didn't find op for builtin opcode 'FULLY_CONNECTED' version '12'. An older version of this builtin might be supported. Are you using an old TFLite binary with a newer model?"
    warn 'ERROR: Registration failed.'
    fail 'Failed to initialize the interpreter'
fi
[ "$behaviour" = bad_text ] && printf 'INFO: \377\376 is no text\r\n'
[ "$delegate" = NNAPI ] && say "INFO: NNAPI accelerators available: [fake-npu,nnapi-reference]"
[ "$delegate" = XNNPACK ] && warn 'INFO: Created TensorFlow Lite XNNPACK delegate for CPU.'
if [ "$delegate" = GPU ] && [ "$flavour" = tflite ]; then
    say 'INFO: GPU delegate created.'
    [ "$behaviour" = refused ] || say 'INFO: Initialized OpenCL-based API.'
fi
if [ -n "$delegate" ] && [ "$flavour" = tflite ]; then
    case $behaviour in
        refused)
            warn "ERROR: Failed to apply $delegate delegate."
            warn 'ERROR: Unable to load Skel Library. transportStatus: 9, qnn_open failed, 0x80000406'
            fail 'apply failed'
            ;;
        partial)
            warn "VERBOSE: Replacing 3 out of 4 node(s) with delegate (TfLite${delegate}Delegate) node, yielding 2 partitions for subgraph 0."
            say "INFO: Explicitly applied $delegate delegate, and the model graph will be partially executed by the delegate w/ 1 delegate kernels."
            ;;
        none) say "INFO: Though $delegate delegate is explicitly applied, the model graph will not be executed by the delegate." ;;
        silent) ;;
        *) say "INFO: Explicitly applied $delegate delegate, and the model graph will be completely executed by the delegate." ;;
    esac
fi
if $full && [ "$behaviour" = partial ]; then
    fail 'Disallowed CPU fallback detected.'
fi
if [ -n "$input" ] && [ -n "$fails_at" ] && [ "$(od -An -N1 -tu1 "$input" | tr -d ' ')" = "$fails_at" ]; then
    fail 'Node number 0 (CONV_2D) failed to invoke.'
fi
say 'INFO: The input model file size (MB): 0.002928'
say 'INFO: Initialized session in 1.5ms.'
[ "$behaviour" = no_timings ] && exit 0
say 'INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.'
say 'INFO: count=10 first=402 curr=17 min=16 max=402 avg=55.8 std=115 p5=16 median=17 p95=402'
say ''
say 'INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.'
say 'INFO: count=50 first=17 curr=21 min=16 max=44 avg=20.5 std=4 p5=16 median=20 p95=31'
say ''
if $profile; then
    say 'INFO: Operator-wise Profiling Info for Regular Benchmark Runs:'
    say '============================== Run Order =============================='
    printf '\t             [node type]\t  [first]\t [avg ms]\t     [%%]\t  [cdf%%]\t  [mem KB]\t[times called]\t[Name]\n'
    printf '\t                 CONV_2D\t    0.016\t    0.015\t 75.000%%\t 75.000%%\t     0.000\t        1\t[a]:0\n'
    printf '\t         FULLY_CONNECTED\t    0.005\t    0.005\t 25.000%%\t100.000%%\t     0.000\t        1\t[b]:1\n'
    say ''
fi
if [ "$flavour" = litert ]; then
    warn 'INFO: [benchmark_litert_model.h:98] ========== BENCHMARK RESULTS =========='
    warn 'INFO: [benchmark_litert_model.h:98] Model initialization: 1.50 ms'
    warn 'INFO: [benchmark_litert_model.h:98] Warmup (first):       0.40 ms'
    warn 'INFO: [benchmark_litert_model.h:98] Warmup (avg):         0.06 ms (10 runs)'
    warn 'INFO: [benchmark_litert_model.h:98] Inference (avg):      0.02 ms (50 runs)'
    warn 'INFO: [benchmark_litert_model.h:98] Inference (min):      0.02 ms'
    warn 'INFO: [benchmark_litert_model.h:98] Inference (max):      0.04 ms'
else
    say 'INFO: Inference timings in us: Init: 1500, First inference: 402, Warmup (avg): 55.8, Inference (avg): 20.5'
    say 'INFO: Memory footprint delta from the start of the tool (MB): init=2.9 overall=3.6'
fi
$peak && say 'INFO: Overall peak memory footprint (MB) via periodic monitoring: 37.5'
[ -z "$output" ] || dd if="$input" of="$output" bs="$output_bytes" count=1 2>/dev/null
exit 0
