// The unit `token_select_threshold` (accel/hls/units/token_select.cpp) as one comparator of RTL by hand: a token a cycle.
// Handshake: docs/hls.md, "RTL".
module token_select_threshold (
    input ap_clk,
    input ap_rst,
    input ap_start,
    output ap_done,
    output ap_idle,
    output ap_ready,
    output [31:0] ap_return,
    output [31:0] scores_address0,
    output scores_ce0,
    input [31:0] scores_q0,
    input [31:0] tokens,
    input [31:0] candidates,
    input [31:0] threshold,
    output [31:0] mask_address0,
    output mask_ce0,
    output mask_we0,
    output [7:0] mask_d0
);
  reg running, asked, judged;
  reg [31:0] token, asked_token, judged_token, kept;
  reg stays, front;

  assign scores_address0 = token;
  assign scores_ce0 = running;

  wire candidate = asked_token >= 1 && asked_token <= candidates;
  wire keeps = candidate && scores_q0 >= threshold;

  always @(posedge ap_clk) begin
    asked_token <= token;
    judged_token <= asked_token;
    stays <= keeps;
    front <= asked_token == 0;  // the class token's mask is 1
    if (ap_rst) begin
      running <= 0;
      asked <= 0;
      judged <= 0;
    end else begin
      asked <= running;
      judged <= asked;
      if (asked) kept <= kept + {31'd0, keeps};
      if (!running && !asked && !judged && ap_start && !ap_done) begin
        running <= tokens != 0;
        token <= 0;
        kept <= 0;
      end else if (running) begin
        token <= token + 1;
        running <= token + 1 != tokens;
      end
    end
  end

  assign mask_we0 = judged;
  assign mask_ce0 = judged;
  assign mask_address0 = judged_token;
  assign mask_d0 = {7'd0, stays || front};

  reg busy;
  always @(posedge ap_clk) busy <= !ap_rst && (running || asked || judged);
  assign ap_done = busy && !running && !asked && !judged;
  assign ap_ready = ap_done;
  assign ap_idle = !running && !asked && !judged && !busy;
  assign ap_return = kept;
endmodule
