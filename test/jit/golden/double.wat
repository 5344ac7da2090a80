(func (;0;) (type 0) (param i32 i32 i64) (result i32)
  (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 f64 f64 f32 f64 f64 f64 f64 i64)
  (local.set 3
    (i32.load offset=388 align=1
      (local.get 0)))
  (local.set 14
    (i32.and
      (i64.eq
        (i64.and
          (i64.load offset=32 align=1
            (local.get 0))
          (i64.const 24576))
        (i64.const 24576))
      (i32.le_u
        (i32.load offset=212 align=1
          (local.get 0))
        (i32.const 4))))
  (local.set 6
    (select
      (i32.const 0)
      (i32.const 2048)
      (i32.and
        (i32.and
          (i32.load offset=216 align=1
            (local.get 0))
          (i32.const 1))
        (i32.eqz
          (i32.load offset=212 align=1
            (local.get 0))))))
  (local.set 26
    (select
      (f64.const inf (;=inf;))
      (f64.const 0x0p+0 (;=0;))
      (i32.and
        (i32.and
          (i32.load offset=216 align=1
            (local.get 0))
          (i32.const 1))
        (i32.eqz
          (i32.load offset=212 align=1
            (local.get 0))))))
  (local.set 32
    (i64.load offset=536 align=1
      (local.get 0)))
  (local.set 28
    (f64.load offset=848 align=1
      (local.get 0)))
  (local.set 29
    (f64.load offset=856 align=1
      (local.get 0)))
  (local.set 30
    (f64.load offset=864 align=1
      (local.get 0)))
  (local.set 31
    (f64.load offset=872 align=1
      (local.get 0)))
  (block  ;; label = @1
    (block  ;; label = @2
      (loop  ;; label = @3
        (block  ;; label = @4
          (if  ;; label = @5
            (i32.lt_s
              (local.get 1)
              (i32.const 16))
            (then
              (local.set 5
                (i32.const 16777216))
              (br 3 (;@2;))))
          (local.set 1
            (i32.sub
              (local.get 1)
              (i32.const 15)))
          (if  ;; label = @5
            (i32.eqz
              (local.get 14))
            (then
              (local.set 5
                (i32.const 16838656))
              (br 3 (;@2;))))
          (if  ;; label = @5
            (i32.eqz
              (f64.lt
                (f64.abs
                  (local.tee 25
                    (f64.add
                      (local.get 28)
                      (local.get 29))))
                (local.get 26)))
            (then
              (local.set 25
                (f64.reinterpret_i64
                  (call_indirect (type 3)
                    (i32.const 166)
                    (i64.reinterpret_f64
                      (local.get 28))
                    (i64.reinterpret_f64
                      (local.get 29))
                    (i64.const 0)
                    (i32.load offset=212 align=1
                      (local.get 0))
                    (i32.const 2))))))
          (local.set 28
            (local.get 25))
          (local.set 25
            (f64.mul
              (local.get 28)
              (local.get 28)))
          (if  ;; label = @5
            (i32.ge_u
              (i32.sub
                (i32.add
                  (i32.and
                    (i32.wrap_i64
                      (i64.shr_u
                        (i64.reinterpret_f64
                          (local.get 25))
                        (i64.const 52)))
                    (i32.const 2047))
                  (local.get 6))
                (i32.const 2))
              (i32.const 2045))
            (then
              (local.set 25
                (f64.reinterpret_i64
                  (call_indirect (type 3)
                    (i32.const 168)
                    (i64.reinterpret_f64
                      (local.get 28))
                    (i64.reinterpret_f64
                      (local.get 28))
                    (i64.const 0)
                    (i32.const 0)
                    (i32.const 2))))))
          (local.set 30
            (local.get 25))
          (local.set 31
            (f64.reinterpret_i64
              (call_indirect (type 3)
                (i32.const 164)
                (i64.reinterpret_f64
                  (local.get 30))
                (i64.reinterpret_f64
                  (local.get 28))
                (i64.reinterpret_f64
                  (local.get 29))
                (i32.load offset=212 align=1
                  (local.get 0))
                (i32.const 2))))
          (local.set 15
            (i64.extend_i32_u
              (f64.lt
                (local.get 28)
                (local.get 31))))
          (if  ;; label = @5
            (i32.eqz
              (i32.or
                (f64.lt
                  (local.get 28)
                  (local.get 31))
                (f64.ge
                  (local.get 28)
                  (local.get 31))))
            (then
              (local.set 15
                (call_indirect (type 3)
                  (i32.const 177)
                  (i64.reinterpret_f64
                    (local.get 28))
                  (i64.reinterpret_f64
                    (local.get 31))
                  (i64.const 0)
                  (i32.const 0)
                  (i32.const 2)))))
          (local.set 32
            (local.get 15))
          (if  ;; label = @5
            (i64.ne
              (local.get 32)
              (i64.const 0))
            (then
              (if  ;; label = @6
                (i32.eqz
                  (f64.lt
                    (f64.abs
                      (local.tee 25
                        (f64.add
                          (local.get 28)
                          (local.get 29))))
                    (local.get 26)))
                (then
                  (local.set 25
                    (f64.reinterpret_i64
                      (call_indirect (type 3)
                        (i32.const 166)
                        (i64.reinterpret_f64
                          (local.get 28))
                        (i64.reinterpret_f64
                          (local.get 29))
                        (i64.const 0)
                        (i32.load offset=212 align=1
                          (local.get 0))
                        (i32.const 2))))))
              (local.set 28
                (local.get 25))
              (local.set 25
                (f64.mul
                  (local.get 28)
                  (local.get 28)))
              (if  ;; label = @6
                (i32.ge_u
                  (i32.sub
                    (i32.add
                      (i32.and
                        (i32.wrap_i64
                          (i64.shr_u
                            (i64.reinterpret_f64
                              (local.get 25))
                            (i64.const 52)))
                        (i32.const 2047))
                      (local.get 6))
                    (i32.const 2))
                  (i32.const 2045))
                (then
                  (local.set 25
                    (f64.reinterpret_i64
                      (call_indirect (type 3)
                        (i32.const 168)
                        (i64.reinterpret_f64
                          (local.get 28))
                        (i64.reinterpret_f64
                          (local.get 28))
                        (i64.const 0)
                        (i32.const 0)
                        (i32.const 2))))))
              (local.set 30
                (local.get 25))
              (local.set 31
                (f64.reinterpret_i64
                  (call_indirect (type 3)
                    (i32.const 164)
                    (i64.reinterpret_f64
                      (local.get 30))
                    (i64.reinterpret_f64
                      (local.get 28))
                    (i64.reinterpret_f64
                      (local.get 29))
                    (i32.load offset=212 align=1
                      (local.get 0))
                    (i32.const 2))))
              (local.set 15
                (i64.extend_i32_u
                  (f64.lt
                    (local.get 28)
                    (local.get 31))))
              (if  ;; label = @6
                (i32.eqz
                  (i32.or
                    (f64.lt
                      (local.get 28)
                      (local.get 31))
                    (f64.ge
                      (local.get 28)
                      (local.get 31))))
                (then
                  (local.set 15
                    (call_indirect (type 3)
                      (i32.const 177)
                      (i64.reinterpret_f64
                        (local.get 28))
                      (i64.reinterpret_f64
                        (local.get 31))
                      (i64.const 0)
                      (i32.const 0)
                      (i32.const 2)))))
              (local.set 32
                (local.get 15))
              (if  ;; label = @6
                (i64.ne
                  (local.get 32)
                  (i64.const 0))
                (then
                  (if  ;; label = @7
                    (i32.eqz
                      (f64.lt
                        (f64.abs
                          (local.tee 25
                            (f64.add
                              (local.get 28)
                              (local.get 29))))
                        (local.get 26)))
                    (then
                      (local.set 25
                        (f64.reinterpret_i64
                          (call_indirect (type 3)
                            (i32.const 166)
                            (i64.reinterpret_f64
                              (local.get 28))
                            (i64.reinterpret_f64
                              (local.get 29))
                            (i64.const 0)
                            (i32.load offset=212 align=1
                              (local.get 0))
                            (i32.const 2))))))
                  (local.set 28
                    (local.get 25))
                  (local.set 25
                    (f64.mul
                      (local.get 28)
                      (local.get 28)))
                  (if  ;; label = @7
                    (i32.ge_u
                      (i32.sub
                        (i32.add
                          (i32.and
                            (i32.wrap_i64
                              (i64.shr_u
                                (i64.reinterpret_f64
                                  (local.get 25))
                                (i64.const 52)))
                            (i32.const 2047))
                          (local.get 6))
                        (i32.const 2))
                      (i32.const 2045))
                    (then
                      (local.set 25
                        (f64.reinterpret_i64
                          (call_indirect (type 3)
                            (i32.const 168)
                            (i64.reinterpret_f64
                              (local.get 28))
                            (i64.reinterpret_f64
                              (local.get 28))
                            (i64.const 0)
                            (i32.const 0)
                            (i32.const 2))))))
                  (local.set 30
                    (local.get 25))
                  (local.set 31
                    (f64.reinterpret_i64
                      (call_indirect (type 3)
                        (i32.const 164)
                        (i64.reinterpret_f64
                          (local.get 30))
                        (i64.reinterpret_f64
                          (local.get 28))
                        (i64.reinterpret_f64
                          (local.get 29))
                        (i32.load offset=212 align=1
                          (local.get 0))
                        (i32.const 2))))
                  (local.set 15
                    (i64.extend_i32_u
                      (f64.lt
                        (local.get 28)
                        (local.get 31))))
                  (if  ;; label = @7
                    (i32.eqz
                      (i32.or
                        (f64.lt
                          (local.get 28)
                          (local.get 31))
                        (f64.ge
                          (local.get 28)
                          (local.get 31))))
                    (then
                      (local.set 15
                        (call_indirect (type 3)
                          (i32.const 177)
                          (i64.reinterpret_f64
                            (local.get 28))
                          (i64.reinterpret_f64
                            (local.get 31))
                          (i64.const 0)
                          (i32.const 0)
                          (i32.const 2)))))
                  (local.set 32
                    (local.get 15))
                  (if  ;; label = @7
                    (i64.ne
                      (local.get 32)
                      (i64.const 0))
                    (then
                      (br 4 (;@3;)))
                    (else
                      (br 3 (;@4;)))))
                (else
                  (local.set 1
                    (i32.add
                      (local.get 1)
                      (i32.const 5)))
                  (br 2 (;@4;)))))
            (else
              (local.set 1
                (i32.add
                  (local.get 1)
                  (i32.const 10)))
              (br 1 (;@4;)))))
        (local.set 1
          (i32.sub
            (local.get 1)
            (i32.const 1)))
        (local.set 5
          (i32.const 16781332))
        (br 1 (;@2;))))
    (local.set 1
      (i32.add
        (local.get 1)
        (i32.and
          (i32.shr_u
            (local.get 5)
            (i32.const 12))
          (i32.const 4095))))
    (local.set 16
      (i64.add
        (local.get 2)
        (i64.extend_i32_u
          (i32.and
            (local.get 5)
            (i32.const 4095))))))
  (i64.store offset=536 align=1
    (local.get 0)
    (local.get 32))
  (f64.store offset=848 align=1
    (local.get 0)
    (local.get 28))
  (f64.store offset=864 align=1
    (local.get 0)
    (local.get 30))
  (f64.store offset=872 align=1
    (local.get 0)
    (local.get 31))
  (i64.store align=1
    (local.get 0)
    (local.get 16))
  (i32.store offset=376 align=1
    (local.get 0)
    (local.get 5))
  (if  ;; label = @1
    (i32.eqz
      (local.get 5))
    (then
      (if  ;; label = @2
        (i64.eq
          (i64.load offset=32768 align=1
            (local.tee 4
              (i32.add
                (i32.and
                  (i32.wrap_i64
                    (i64.shr_u
                      (local.get 16)
                      (i64.const 8)))
                  (i32.const 16368))
                (i32.load offset=384 align=1
                  (local.get 0)))))
          (local.tee 2
            (i64.and
              (local.get 16)
              (i64.const -4096))))
        (then
          (i32.store offset=372 align=1
            (local.get 0)
            (local.tee 4
              (i32.load offset=32776 align=1
                (local.get 4))))
          (if  ;; label = @3
            (local.tee 4
              (i32.load offset=8 align=1
                (i32.load align=1
                  (i32.add
                    (i32.shl
                      (i32.and
                        (i32.wrap_i64
                          (local.get 16))
                        (i32.const 4095))
                      (i32.const 1))
                    (local.get 4)))))
            (then
              (return_call_indirect (type 4)
                (local.get 0)
                (local.get 1)
                (local.get 2)
                (local.get 4)
                (i32.const 3))))))))
  (local.get 1))
