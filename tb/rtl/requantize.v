// The unit `requantize` (accel/hls/units/requantize.cpp) as one lane of RTL by hand, to test the bench with and to compare
// with what compilers make: a value a cycle, nine cycles to fill and drain. Handshake: docs/hls.md, "RTL".
module requantize (
    input ap_clk,
    input ap_rst,
    input ap_start,
    output ap_done,
    output ap_idle,
    output ap_ready,
    output [31:0] acc_address0,
    output acc_ce0,
    input signed [31:0] acc_q0,
    output [31:0] records_address0,
    output records_ce0,
    input [63:0] records_q0,
    input [31:0] rows,
    input [31:0] n,
    input [31:0] relu,
    output [31:0] out_address0,
    output out_ce0,
    output out_we0,
    output [7:0] out_d0
);
  localparam STAGES = 7;

  reg running;
  reg [31:0] row, column, at;  // the row's offset is counted up with `at`: no product
  reg [STAGES-1:0] valid;
  reg [31:0] target[0:STAGES-1];
  wire last = column + 1 == n && row + 1 == rows;

  assign acc_address0 = at;
  assign acc_ce0 = running;
  assign records_address0 = column;
  assign records_ce0 = running;

  // A record: bias, multiplier (unsigned), shift. The sum is 32 bits, two's complement.
  reg signed [31:0] sum;
  reg signed [16:0] multiplier;
  reg [5:0] shift1, shift2, shift3;
  reg signed [47:0] product2, product3, part, rounded;
  reg signed [7:0] narrow;
  wire signed [47:0] minus_one = product3[47] ? -48'sd1 : 48'sd0;

  integer i;
  always @(posedge ap_clk) begin
    // 1: the memories' answers
    sum <= acc_q0 + $signed(records_q0[31:0]);
    multiplier <= $signed({1'b0, records_q0[47:32]});
    shift1 <= records_q0[53:48] - 6'd1;
    // 2, 3: 32 x 17 bits, in two slices
    product2 <= sum * multiplier;
    shift2 <= shift1;
    product3 <= product2;
    shift3 <= shift2;
    // 4, 5: rounded half away from zero
    part <= (product3 + minus_one) >>> shift3;
    rounded <= (part + 48'sd1) >>> 1;
    // 6: ReLU and saturation
    narrow <= relu != 0 && rounded < 0 ? 8'sd0 : rounded > 127 ? 8'sd127 : rounded < -128 ? -8'sd128 : rounded[7:0];

    valid <= {valid[STAGES-2:0], running};
    target[0] <= at;
    for (i = 1; i < STAGES; i = i + 1) target[i] <= target[i-1];
    if (ap_rst) begin
      running <= 0;
      valid <= 0;
    end else if (!running && valid == 0 && ap_start && !ap_done) begin
      running <= rows != 0 && n != 0;
      row <= 0;
      column <= 0;
      at <= 0;
    end else if (running) begin
      at <= at + 1;
      column <= column + 1 == n ? 0 : column + 1;
      row <= column + 1 == n ? row + 1 : row;
      running <= !last;
    end
  end

  assign out_we0 = valid[STAGES-1];
  assign out_ce0 = valid[STAGES-1];
  assign out_address0 = target[STAGES-1];
  assign out_d0 = narrow;

  reg busy;
  always @(posedge ap_clk) busy <= !ap_rst && (running || valid != 0);
  assign ap_done = busy && !running && valid == 0;
  assign ap_ready = ap_done;
  assign ap_idle = !running && valid == 0 && !busy;
endmodule
